"""The template as plain data, its intrinsic functions kept as one-key objects."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms."""


def _intrinsic(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {suffix: value}


_Loader.add_multi_constructor("!", _intrinsic)


@cache
def template() -> dict[str, Any]:
    return yaml.load((ROOT / "template.yaml").read_text(), _Loader)  # noqa: S506  (a safe loader)


def resources(kind: str) -> dict[str, dict[str, Any]]:
    """Logical id → resource, of one type."""
    return {name: found for name, found in template()["Resources"].items() if found["Type"] == kind}


def properties(kind: str) -> dict[str, dict[str, Any]]:
    return {name: found["Properties"] for name, found in resources(kind).items()}


def watched(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """The metrics of an alarm, each with its Period: one, or those that it adds up."""
    several = [each["MetricStat"] for each in alarm.get("Metrics", ()) if "MetricStat" in each]
    return [{**each["Metric"], "Period": each["Period"]} for each in several] or [alarm]


def statements() -> list[tuple[str, dict[str, Any]]]:
    """Every statement of every role's policies, with the role it belongs to."""
    return [
        (role, statement)
        for role, found in properties("AWS::IAM::Role").items()
        for policy in found["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def mentions(value: Any) -> set[str]:
    """Every logical id a value refers to."""
    if isinstance(value, dict):
        found = {str(target).split(".")[0] for form in ("Ref", "GetAtt") if (target := value.get(form))}
        return found.union(*(mentions(part) for part in value.values()))
    return set().union(*(mentions(part) for part in value)) if isinstance(value, list) else set()
