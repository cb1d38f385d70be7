"""The runbook has an entry for every alarm, and every command in a document can be typed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.cli.checks.finding import SYSTEMS
from leads.sources import REGISTRY
from tests.infra.template import resources, template

ROOT = Path(__file__).parents[2]
RUNBOOK = (ROOT / "RUNBOOK.md").read_text("utf-8")
PARTS = ("Means", "Look at", "Type", "Over when")
SITUATIONS = {
    "A lead is missing",
    "The CRM was down for a day",
    "A token was leaked",
    "A person wants to be erased",
    "A deployment went wrong",
}
# What stands for a value of the reader's.
_PLACEHOLDER = re.compile(r"<[^>]*>")
# Options whose value is a secret, or has one behind its "=".
_SECRETS = re.compile(r"--(?:page|contacts-token|conversion-token)[ =]\S+=|--\S*(?:token|secret)[ =](?!\S+=)[^-\s]")
DOCUMENTS = ("RUNBOOK.md", "README.md", "SECURITY.md", "docs/command-line.md", "docs/first-hour.md")


def entries(title: str) -> dict[str, str]:
    """The entries below a heading, by their own headings."""
    text = re.split(r"^## ", RUNBOOK.partition(f"\n## {title}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    parts = re.split(r"^### (.+)$", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def quoted(text: str) -> list[str]:
    """Every `leadrelay` command in a document, in a sentence or in a block."""
    found = re.findall(r"`(leadrelay [^`]+)`|^(?: {4,}|\$ )(leadrelay .+)$", text, re.MULTILINE)
    # What a shell does with the exit code is none of its words.
    return sorted({re.split(r" (?:\|\||&&) ", sentence or block)[0] for sentence, block in found})


def test_every_alarm_has_its_entry_and_every_entry_its_alarm() -> None:
    """Under the name that the mail has in its subject."""
    assert set(entries("Alarms")) == set(resources("AWS::CloudWatch::Alarm"))


@pytest.mark.parametrize("name", entries("Alarms"))
def test_an_entry_says_what_it_means_what_to_look_at_what_to_type_and_when_it_is_over(name: str) -> None:
    """In this order."""
    assert tuple(re.findall(r"^- \*\*([^*]+):\*\*", entries("Alarms")[name], re.MULTILINE)) == PARTS


def test_what_may_come_up_besides_is_there() -> None:
    """Each of them leads to a command."""
    found = entries("What may come up besides")
    assert set(found) == SITUATIONS
    assert all("leadrelay " in text for text in found.values())


@pytest.mark.parametrize("name", ["RUNBOOK.md", "README.md", "docs/command-line.md", "docs/first-hour.md"])
def test_every_command_can_be_typed(name: str) -> None:
    """It exists, and takes these options and values."""
    # Late and once: it imports every command there is.
    import typer.main

    from infra.cli.app import app

    root = typer.main.get_command(app)
    commands = quoted((ROOT / name).read_text("utf-8"))
    assert len(commands) > 10
    unknown = {
        command: list(_unknown(root, shlex.split(_PLACEHOLDER.sub("value", command), comments=True)[1:]))
        for command in commands
    }
    assert {command: words for command, words in unknown.items() if words} == {}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_command_has_a_secret_in_it(name: str) -> None:
    """The shell's history keeps it, and whoever lists processes reads it: a variable or a hidden question takes it."""
    commands = quoted((ROOT / name).read_text("utf-8"))
    assert [command for command in commands if _SECRETS.search(_PLACEHOLDER.sub("value", command))] == []


@pytest.mark.parametrize(
    ("command", "has_one"),
    [
        ("leadrelay init --page 7=EAA", True),
        ("leadrelay init --contacts-token=ve9E=pit-1", True),
        ("leadrelay init --pinterest-access-token pina_1", True),
        ("leadrelay init --page 7", False),
        ("leadrelay leadconnector setup --show-secret --json", False),
    ],
)
def test_a_secret_in_a_command_is_recognised(command: str, has_one: bool) -> None:
    """By the option before it."""
    assert bool(_SECRETS.search(command)) == has_one


def test_the_log_of_a_function_is_found_by_its_output() -> None:
    """Its name is one that AWS makes up, so nobody knows it."""
    assert "<log group" not in RUNBOOK
    tails = re.findall(r"^ +aws logs tail .*--function-name <([^>]+)> \\$", RUNBOOK, re.MULTILINE)
    assert len(tails) == RUNBOOK.count("aws logs tail")
    assert set(tails) - {"name"} <= set(template()["Outputs"])


def test_a_block_of_commands_is_one() -> None:
    """A line that lost its spaces makes one paragraph of them all."""
    for name in DOCUMENTS:
        assert not re.findall(r"^leadrelay .*#.*$", (ROOT / name).read_text("utf-8"), re.MULTILINE), name


def _unknown(command: Any, words: list[str]) -> Iterator[str]:
    """The words that the command does not take, from its subcommand to its last option."""
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word.startswith("--"):
            name, _, value = word.partition("=")
            if name == "--help":
                return
            options = {flag: option for option in command.params for flag in (*option.opts, *option.secondary_opts)}
            option = options.get(name)
            if option is None:
                yield name
            elif not option.is_flag and not value:
                given = rest.pop(0)
                if name == "--only":
                    yield from set(given.split(",")) - set(SYSTEMS)
                elif name == "--source" and given != "value":
                    yield from {given} - set(REGISTRY)
        elif hasattr(command, "commands"):
            if word not in command.commands:
                yield word
                return
            command = command.commands[word]
        elif not any(each.param_type_name == "argument" for each in command.params):
            yield word
    if hasattr(command, "commands") and "--install-completion" not in words:
        yield "a group without a command"


def test_every_output_and_parameter_that_is_named_exists() -> None:
    """By the name that the template gives it."""
    known = {*template()["Outputs"], *template()["Parameters"], *resources("AWS::CloudWatch::Alarm")}
    named = set(re.findall(r"`(\w+(?:SecretArn|FunctionName|Alarm|Hours|Days|Concurrency|Url))`", RUNBOOK))
    assert {"WebhookTokenSecretArn", "ParkedLeadHours"} <= named
    assert named <= known


def test_every_saved_query_and_graph_that_is_named_exists() -> None:
    """By the name that CloudWatch shows."""
    names = {
        query["Properties"]["Name"]["Sub"].partition("/")[2]
        for query in resources("AWS::Logs::QueryDefinition").values()
    }
    intro = RUNBOOK.partition("\n## ")[0]
    told = set(re.findall(r"\*([a-z][^*]+)\*", " ".join(intro.split())))
    assert told == names
    [dashboard] = resources("AWS::CloudWatch::Dashboard").values()
    titles = set(re.findall(r'"title": "([^"]+)"', dashboard["Properties"]["DashboardBody"]["Sub"][0]))
    graphs = set(re.findall(r"graphs? \*([^*]+)\*", " ".join(RUNBOOK.split())))
    assert graphs
    assert all(any(title.startswith(graph) for title in titles) for graph in graphs)
