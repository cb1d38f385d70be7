"""Imports one entry module as Lambda's init phase does, and says when it is ready."""

import importlib
import sys

importlib.import_module(sys.argv[1])
print("ready", flush=True)
