"""Writes what SAM makes of the template to a file; runs in the SAM CLI's own virtual environment."""

import json
import sys
from pathlib import Path

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parents[2]


class _NoManagedPolicies:
    def load(self) -> dict[str, str]:
        return {}


def main(target: str) -> None:
    template = yaml_parse((ROOT / "template.yaml").read_text())
    template["Globals"]["Function"]["CodeUri"] = "s3://some-bucket/some-key"
    parameters = {name: str(found.get("Default", "")) for name, found in template["Parameters"].items()}
    Path(target).write_text(json.dumps(transform(template, parameters, _NoManagedPolicies())))


if __name__ == "__main__":
    main(sys.argv[1])
