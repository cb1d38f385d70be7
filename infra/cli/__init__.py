"""The operator's command line, `leadrelay`: app.py has the commands, place.py the stack they work on."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The functions import each other from their own folder, as in Lambda.
if (functions := str(ROOT / "functions")) not in sys.path:
    sys.path.insert(0, functions)
