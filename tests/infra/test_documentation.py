"""What the documents say is true: examples, tables, reasons and commands are held against the code."""

import ast
import functools
import json
import re
import tomllib
from functools import cache
from pathlib import Path

import msgspec
import pytest

from infra.lead_file import leads_in
from infra.preview_lead import preview, show
from leads.core import custom_field, placeholders
from leads.core.contact import DEFAULT_MAPPING
from leads.core.contact_fields import CONTACT_FIELDS, snake
from leads.core.dnd import CHANNELS
from leads.core.errors import Misconfigured
from leads.core.lifecycle import PLACES
from leads.core.routes import (
    COPIES,
    Condition,
    Conversion,
    Defaults,
    DndRule,
    Route,
    RouteTable,
    TagRule,
    Task,
    parse_routes,
)
from leads.sources import REGISTRY
from tests.infra.template import template

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
README = (ROOT / "README.md").read_text("utf-8")
ROUTES = (ROOT / "ROUTES.md").read_text("utf-8")
CONVERSIONS = (ROOT / "docs" / "conversions.md").read_text("utf-8")
# When the examples' leads arrive: soon after they were left, 2026-11-20 09:30 UTC.
ARRIVED = 1_795_167_060.0
# The tables of ROUTES.md, by the header of their first column.
SHAPES = {
    "[defaults]": Defaults,
    "[[routes]]": Route,
    "condition": Condition,
    "[[routes.tag_rules]]": TagRule,
    "[[routes.dnd_rules]]": DndRule,
    "[[routes.tasks]]": Task,
    "[routes.conversions]": Conversion,
}
# Reasons that no error is raised with where they are named: what `is_wanted` gives, and tables of refusals.
CODES = {
    "leads.core.plan": ("FILTERED_OUT", "TEST_LEAD", "NOT_COPIED"),
    "leads.core.erasure": ("ERASED",),
    "leads.core.event_claim": ("IN_DOUBT",),
    "leads.flow.tell_events": ("NO_IDENTIFIER", "TOO_OLD"),
    "leads.flow.match_outcomes": ("NOT_A_LEAD", "OLDER", "NO_ROUTE", "NOTHING_NEW"),
    "leads.sources.pinterest_event_answers": (
        *("TOKEN_MISSING", "TOKEN_REFUSED", "NOT_PERMITTED"),
        *("EVENT_REFUSED", "EVENT_REFUSED_IN_PART", "UNEXPECTED"),
    ),
    "leads.core.errors": ("GONE",),
    "leads.core.endings": ("TOKEN_ENDS", "REFRESH_TOKEN_ENDS"),
    "leads.crm.fates": ("REJECTED", "CONTACT_EXISTS"),
}
# The other sides by the names that reasons begin with; what else begins so: addresses, secrets, and a reason's kind.
SIDES = ("contacts_api", "pinterest_api", "graph")
NO_REASONS = {
    *("contacts_api_url", "pinterest_api_url", "graph_api_url", "pinterest_api"),
    *("pinterest_app_secret", "pinterest_keys_secret"),
}
_BY_SIDE = re.compile(r"(?:contacts_api|pinterest|graph)_\w*[a-z0-9]")

_FENCED = re.compile(r"^```(\S[^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def fenced(text: str, kind: str) -> list[str]:
    return [body for info, body in _FENCED.findall(text) if info == kind]


def section(text: str, title: str) -> str:
    """The text below a heading, to the next one of its level."""
    return re.split(r"^## ", text.partition(f"\n## {title}")[2], maxsplit=1, flags=re.MULTILINE)[0]


def first_cells(table: str) -> list[str]:
    """What stands between backticks in the first column of a table."""
    rows = [line for line in table.splitlines() if line.startswith("|")]
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])]


def tables(text: str) -> dict[str, list[str]]:
    """The tables of a text by the header of their first column, numbered when it comes again."""
    found: dict[str, list[str]] = {}
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        header = block.split("|")[1].strip(" `")
        found[header if header not in found else f"{header} 2"] = first_cells("\n".join(block.splitlines()[1:]))
    return found


def events_reasons() -> list[str]:
    """Why an event was not told, as the page on conversions has it."""
    return first_cells(section(CONVERSIONS, "Why an event was not told"))


class TestExamples:
    titles = (
        "Example 1: plain capture",
        "Example 2: follow-up tasks and notes",
        "Example 3: tag-based segmentation",
        "Example 4: campaign routing to two locations",
        "Example 5: consent and do not disturb",
        "Example 6: from one location to another",
    )

    @pytest.mark.parametrize("title", titles)
    def test_an_example_becomes_what_it_says(self, title, tmp_path, capsys):
        """Route, tags, note, tasks and due times, line by line and in this order, as the preview prints them."""
        text = section(ROUTES, title)
        [routes], [lead], [shown] = fenced(text, "toml"), fenced(text, "json"), fenced(text, "text")
        (tmp_path / "lead.json").write_text(lead, "utf-8")
        table = parse_routes(tomllib.loads(routes))
        for each in leads_in(tmp_path / "lead.json", None):
            show(preview(each, table, now=ARRIVED))
        printed = iter(capsys.readouterr().out.splitlines())
        for line in shown.splitlines():
            if line.strip() not in ("", "…"):
                assert line in printed, f"{title}: the preview does not print {line!r} there"

    @pytest.mark.parametrize("title", titles)
    def test_an_example_leaves_out_only_where_it_says_so(self, title, tmp_path, capsys):
        """Without an ellipsis between them, two lines follow each other in the preview, too."""
        text = section(ROUTES, title)
        (tmp_path / "lead.json").write_text(fenced(text, "json")[0], "utf-8")
        table = parse_routes(tomllib.loads(fenced(text, "toml")[0]))
        for each in leads_in(tmp_path / "lead.json", None):
            show(preview(each, table, now=ARRIVED))
        printed = capsys.readouterr().out
        for part in re.split(r"^ *…\n", fenced(text, "text")[0], flags=re.MULTILINE):
            assert part.strip("\n") in printed

    def test_the_other_example_files_load(self):
        """Those of the README, and parts of a route."""
        # A blank line does not end an indented block.
        blocks = re.findall(r"(?:^(?: {4,}.*)?\n)+", README, re.MULTILINE)
        examples = [block for block in blocks if "[[routes]]" in block]
        assert examples
        for block in examples:
            lines = [line.removeprefix("       ") for line in block.splitlines()]
            assert parse_routes(tomllib.loads("\n".join(lines)))
        parts = fenced(ROUTES, "toml part")
        assert parts
        for part in parts:
            assert parse_routes(tomllib.loads(f'[[routes]]\nname = "a"\nlocation = "b"\n{part}'))

    def test_every_example_file_is_checked_one_way_or_another(self):
        """A fence of another kind would be looked at by nobody."""
        kinds = {info for document in DOCUMENTS for info, _ in _FENCED.findall(document.read_text("utf-8"))}
        assert kinds <= {"toml", "toml wrong", "toml part", "json", "text", "sh"}
        assert len(fenced(ROUTES, "toml")) == len(self.titles)

    def test_a_wrong_file_is_answered_as_it_says(self):
        """Word for word."""
        wrong = re.findall(r"^```toml wrong\n((?:[^`\n][^\n]*\n|\n)*)^```\n\n((?:> [^\n]*\n)+)", ROUTES, re.MULTILINE)
        assert len(wrong) == 2
        for document, quoted in wrong:
            with pytest.raises(Misconfigured) as caught:
                parse_routes(tomllib.loads(document))
            assert str(caught.value) == " ".join(line.removeprefix("> ") for line in quoted.splitlines())


class TestTables:
    @pytest.mark.parametrize("header", SHAPES)
    def test_every_key_is_described_and_every_described_key_exists(self, header):
        """By the name that the file uses."""
        known = {field.encode_name for field in msgspec.structs.fields(SHAPES[header])}
        described = tables(section(ROUTES, "Every key"))[header]
        assert set(described) - {"true", "false"} == known

    def test_there_is_a_table_for_every_part_of_the_file(self):
        """And the file as a whole has nothing but these."""
        assert set(tables(section(ROUTES, "Every key"))) == set(SHAPES)
        assert set(RouteTable.__struct_fields__) == {"routes", "defaults"}

    @pytest.mark.parametrize("header", ["[defaults]", "[[routes]]", "[[routes.tasks]]"])
    def test_the_default_of_a_text_is_the_one_in_the_table(self, header):
        """Where it is a text that is not empty."""
        rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| `(\"[^|]+\")` \|", section(ROUTES, "Every key"), re.MULTILINE)
        told = {name: json.loads(default) for name, default in rows}
        for field in msgspec.structs.fields(SHAPES[header]):
            if isinstance(field.default, str) and field.default:
                assert told[field.name] == field.default

    def test_every_placeholder_is_described(self):
        """And none is that does not exist."""
        described = [name.strip("{}") for name in tables(section(ROUTES, "Placeholders"))["placeholder"]]
        assert {name for name in described if "?" not in name} == set(placeholders.NAMES)

    def test_everything_that_can_be_copied_and_every_channel_is_named(self):
        """In the rows of the keys that take them."""
        text = section(ROUTES, "Every key")
        for key, allowed in (("copies", COPIES), ("channels", CHANNELS)):
            [row] = re.findall(rf"^\| `{key}` \|.*$", text, re.MULTILINE)
            assert tuple(re.findall(r'`"(\w+)"`', row)) == allowed

    def test_every_place_of_a_stage_is_described(self):
        """And none is that does not exist."""
        described = tables(section(ROUTES, "Stage"))["stage_from"]
        assert [name.strip('"') for name in described] == list(PLACES)

    def test_every_standard_question_is_named_on_the_page_of_routes(self):
        """As somebody who writes a lead by hand needs them."""
        assert set(re.findall(r"`([A-Z_]+)`", section(ROUTES, "Try it first"))) >= set(DEFAULT_MAPPING)

    def test_every_contact_field_is_named(self):
        """In the paragraph that lists them."""
        named = re.findall(r"`(\w+)`", section(ROUTES, "Contact fields").partition("The fields are")[2])
        assert named == [snake(field) for field in CONTACT_FIELDS]

    def test_every_type_of_custom_field_is_described(self):
        """With what it takes."""
        described = tables(section(ROUTES, "Custom fields"))["type of the field"]
        assert set(described) == set(custom_field._TYPES)

    def test_every_standard_question_is_in_the_readme(self):
        """With the contact field that it fills."""
        rows = [line for line in section(README, "What becomes of an answer").splitlines() if line.startswith("| `")]
        told = {}
        for row in rows:
            questions, fields = (re.findall(r"`(\w+)`", cell) for cell in row.split("|")[1:3])
            if len(fields) == 1:
                told |= dict.fromkeys(questions, fields[0])
            elif fields:
                told |= dict(zip(questions, fields, strict=True))
        assert told == {question: field for question, (field, _) in DEFAULT_MAPPING.items()}


class TestReasons:
    def test_every_reason_is_in_the_readme(self):
        """Whatever a lead, an event, a request or a rotation may be turned down with."""
        told = [*first_cells(section(README, "When something is wrong")), *events_reasons()]
        assert set(reasons_in_code()) - set(told) == set()

    def test_no_reason_in_the_readme_is_made_up(self):
        """Each can be found in the code."""
        told = [*first_cells(section(README, "When something is wrong")), *events_reasons()]
        assert {name for name in told if name.islower()} <= set(reasons_in_code())

    def test_the_reasons_were_found_at_all(self):
        """The search knows how reasons are written here."""
        found = set(reasons_in_code())
        assert {"cannot_decrypt", "contacts_api_timeout", "daily_limit", "filtered_out", "replayed"} <= found
        assert {"rejected_by_contacts_api", "location_paused", "token_refused", "not_json", "secret_busy"} <= found
        assert {"graph_unreachable", "graph_permission_missing", "pinterest_not_in_beta", "took_too_long"} <= found
        assert {"echo", "lead_not_visible_check_leads_access_manager", "contact_unknown", "bad_signature"} <= found


class TestMetrics:
    def test_every_metric_is_in_the_readme(self):
        """By the name that CloudWatch shows."""
        code = "".join(file.read_text("utf-8") for file in (ROOT / "functions").rglob("*.py"))
        begin = (
            "Leads|Contacts?|Graph|Webhooks|Configuration|Reconcile|Ledger|Unexpected|Decrypt|Delivery|Rotations|Token"
        )
        begin += "|Parked|Conversions?"
        metrics = set(re.findall(rf'"((?:{begin})[A-Z][A-Za-z]+)"', code))
        assert {
            "LeadsDelivered",
            "ContactRemarks",
            "TokenRefreshFailed",
            "GraphTokenRefused",
            "ParkedLeadAge",
        } <= metrics
        assert metrics - set(re.findall(r"`(\w+)`", README)) == set()

    def test_every_alarm_is_in_the_readme(self):
        """By its name in the template."""
        template = (ROOT / "template.yaml").read_text("utf-8")
        alarms = re.findall(r"^  (\w+):\n    Type: AWS::CloudWatch::Alarm", template, re.MULTILINE)
        assert set(alarms) - set(re.findall(r"`(\w+)`", README)) == set()


class TestSetUp:
    def test_every_source_has_its_instructions(self):
        """Under its own heading, with its address."""
        for name in REGISTRY:
            [text] = re.findall(rf"^### {name}\n(.*?)^##", README, re.MULTILINE | re.DOTALL | re.IGNORECASE)
            assert f"/webhooks/{name}/" in text

    def test_every_parameter_is_in_the_readme(self):
        """And nothing is that does not exist."""
        told = first_cells(section(README, "Deploy"))
        assert set(told) == set(template()["Parameters"])

    def test_every_output_that_is_named_exists(self):
        """A secret's ARN, a function's name, an address."""
        named = set(re.findall(r"\b(\w+(?:SecretArn|FunctionName|BaseUrl|QueueUrl))\b", README))
        assert {"FacebookSecretArn", "ReconcileFunctionName"} <= named
        assert named <= set(template()["Outputs"])

    def test_every_secret_is_in_the_readme(self):
        """By the output that names it."""
        assert {name for name in template()["Outputs"] if name.endswith("SecretArn")} <= set(re.findall(r"\w+", README))


class TestReferences:
    @pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
    def test_every_make_target_exists(self, document):
        """Whether it is named in a sentence or stands in a block of commands."""
        text = document.read_text("utf-8")
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
        named = re.findall(r"(?:^ {4,}|`)make ([a-z-]+)", text, re.MULTILINE)
        assert set(named) <= set(targets)

    @pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
    def test_every_link_leads_somewhere(self, document):
        """To a file that is there, and to a heading in it."""
        for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text("utf-8")):
            if "://" in target:
                continue
            name, _, heading = target.partition("#")
            file = document.parent / name if name else document
            assert file.exists(), target
            if heading:
                titles = re.findall(r"^#+ (.+)$", file.read_text("utf-8"), re.MULTILINE)
                assert heading in {anchor(title) for title in titles}, target

    def test_the_readme_has_the_page_on_routes_with_its_first_four_examples(self):
        """Each of them linked by name."""
        for title in TestExamples.titles[:4]:
            assert f"ROUTES.md#{anchor(title)}" in README


def anchor(title: str) -> str:
    """A heading's anchor as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def constants_of(tree: ast.Module) -> dict[str, str]:
    """The texts that a module gives names to."""
    return {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


@functools.cache
@cache
def reasons_in_code() -> list[str]:
    """Every reason that the functions give: in errors, in outcomes, and in the tables that name them."""
    trees = {
        file.relative_to(ROOT / "functions").with_suffix("").as_posix().replace("/", "."): ast.parse(
            file.read_text("utf-8")
        )
        for file in sorted((ROOT / "functions").rglob("*.py"))
    }
    own = {module: constants_of(tree) for module, tree in trees.items()}
    # Two modules may call different codes by one name; the one that is meant is its own, or the one it imports.
    constants = {
        module: {
            alias.asname or alias.name: own[node.module][alias.name]
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module in own
            for alias in node.names
            if alias.name in own[node.module]
        }
        | own[module]
        for module, tree in trees.items()
    }
    found: set[str] = set()

    def take(node: ast.expr | None, module: str) -> None:
        """A text, the constant that holds it, either side of a condition, or the end of a reason for another side."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
        elif isinstance(node, ast.Name | ast.Attribute):
            found.add(constants[module].get(node.id if isinstance(node, ast.Name) else node.attr, ""))
        elif isinstance(node, ast.IfExp):
            take(node.body, module)
            take(node.orelse, module)
        elif isinstance(node, ast.JoinedStr) and isinstance(end := node.values[-1], ast.Constant):
            found.update(f"{side}{end.value}" for side in SIDES)

    for module, node in ((module, node) for module, tree in trees.items() for node in ast.walk(tree)):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in ("TryAgain", "Undeliverable", "Unwanted") and node.args:
                take(node.args[0], module)
            elif name == "RejectedRequest" and len(node.args) > 1:
                take(node.args[1], module)
            for keyword in node.keywords:
                if keyword.arg == "reason":
                    take(keyword.value, module)
        elif isinstance(node, ast.Assign) and any(getattr(t, "attr", t) in ("reason",) for t in node.targets):
            take(node.value, module)
        elif isinstance(node, ast.Constant) and _BY_SIDE.fullmatch(str(node.value)):
            found.add(node.value)
    for module, names in CODES.items():
        found |= {own[module][name] for name in names}
    return sorted(code for code in found - NO_REASONS if re.fullmatch(r"[a-z0-9_]+", code))
