"""Templates of routes.toml: `{name}` stands for a value of the lead, `{{` and `}}` for the braces themselves."""

from __future__ import annotations

import re
from collections.abc import Mapping

from leads.core.answers import folded
from leads.core.contact_fields import CONTACT_FIELDS, snake

ANSWER = "answer:"
LEAD_NAMES = ("source", "account", "form", "lead_id", "lead_ref", "created_at", "route")
CAMPAIGN_NAMES = (
    *("campaign_id", "campaign_name", "ad_group_id", "ad_group_name", "ad_id", "ad_name"),
    *("form_name", "platform", "is_organic"),
)
NAMES = (*LEAD_NAMES, *CAMPAIGN_NAMES, "answers", "consents", *(snake(field) for field in CONTACT_FIELDS))

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
# What looks like one of our names and not like a question.
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]{2,}")
# Keys of platforms' standard questions that look like a slip of one of our names and are none.
_ANSWER_KEYS = frozenset(
    ("post_code", "full_name", "state_province", "zip_code", "phone_number", "address", "ad_set_id")
)
_LITERAL = {"{{": "{", "}}": "}"}


def fill(template: str, values: Mapping[str, str]) -> str:
    """`template` with every `{name}` replaced by its value, "" when there is none; values are not filled again.

    values: name → text; an answer goes by its key, or by `answer:<key>`. A name is looked up exactly, then without
    regard to case, blanks, hyphens and underscores. A brace that `check` would refuse stays: nothing is raised.
    """
    if "{" not in template and "}" not in template:
        return template

    def text_for(token: re.Match[str]) -> str:
        return _LITERAL.get(token[0], token[0]) if token[1] is None else value_of(token[1], values)

    return _TOKEN.sub(text_for, template)


def value_of(name: str, values: Mapping[str, str]) -> str:
    """What `fill` writes for one name, "" when there is no such value."""
    name = name.strip()
    if name in values:
        return values[name]
    own = name.removeprefix(ANSWER).strip()
    if own != name and own in values:
        return values[own]
    loose = {_loosely(known): known for known in reversed(tuple(values))}
    found = loose.get(_loosely(name), loose.get(_loosely(own)))
    return "" if found is None else values[found]


def names_in(template: str) -> tuple[str, ...]:
    """The names in a template's placeholders, each once, in order; `answer:` stays before an answer's key."""
    found = (token[1].strip() for token in _TOKEN.finditer(template) if token[1] is not None)
    return tuple(dict.fromkeys(name for name in found if name))


def only_name(template: str) -> str:
    """The name in the one placeholder that the template consists of, "" when there is anything else in it."""
    token = _TOKEN.fullmatch(template.strip())
    return (token[1] or "").strip() if token else ""


def check(template: str) -> None:
    """Raises ValueError, saying what is wrong, when a brace or a name in the template is a likely mistake."""
    for token in _TOKEN.finditer(template):
        if token[0] == "{":
            raise ValueError("there is a `{` that no `}` closes; a brace itself is written `{{`")
        if token[0] == "}":
            raise ValueError("there is a `}` that no `{` opens; a brace itself is written `}}`")
        if token[1] is not None:
            _check_name(token[1].strip())


def _check_name(name: str) -> None:
    if not name or name == ANSWER:
        raise ValueError(f"`{{{name}}}` names nothing; write a name into it, such as {{first_name}} or {{answers}}")
    if name in NAMES or name.startswith(ANSWER):
        return
    if folded(name).startswith("answers:"):
        raise ValueError(f"`{{{name}}}` is unknown; did you mean `{{{ANSWER}{name.partition(':')[2].strip()}}}`?")
    if not _IDENTIFIER.fullmatch(name) or name.lower() in _ANSWER_KEYS:
        return
    known = {_loosely(own): own for own in NAMES}
    if _loosely(name) in known:
        return
    import difflib

    if nearest := difflib.get_close_matches(_loosely(name), known, n=1, cutoff=0.8):
        raise ValueError(
            f"`{{{name}}}` is unknown; did you mean `{{{known[nearest[0]]}}}`, "
            f"or `{{{ANSWER}{name}}}` for the answer to a question of that name?"
        )


def _loosely(name: str) -> str:
    return folded(name).replace("_", "").replace("-", "")
