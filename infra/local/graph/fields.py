"""`fields=`: what an object shows by default, what it can show, and how a caller asks for it."""

import re
from collections.abc import Mapping
from typing import Any

from infra.local.graph.refusals import Refused

Tree = Mapping[str, Any]  # field to what can be asked of it in braces; {} = nothing


def _flat(names: str) -> Tree:
    return {name: {} for name in names.split()}


_CHECKBOX = _flat("id key text is_required is_checked_by_default")
_LEGAL: Tree = {
    "id": {},
    "privacy_policy": _flat("url link_text"),
    "custom_disclaimer": {"title": {}, "body": _flat("text url_entities"), "checkboxes": _CHECKBOX},
}
_QUESTION: Tree = {
    **_flat("id key label type inline_context conditional_questions_choices conditional_questions_group_id"),
    **_flat("dependent_conditional_questions"),
    "options": _flat("key value"),
}
# The fields of the SDK's Lead, LeadgenForm and Page (those of use here); the default ones as Meta's guide shows them.
FIELDS: Mapping[str, Tree] = {
    "lead": {
        **_flat("id created_time ad_id ad_name adset_id adset_name campaign_id campaign_name form_id is_organic"),
        **_flat("platform partner_name post retailer_item_id home_listing vehicle"),
        "field_data": _flat("name values"),
        "custom_disclaimer_responses": _flat("checkbox_key is_checked"),
        "post_submission_check_result": _flat("api_call_result api_error_message shown_thank_you_page"),
    },
    "form": {
        **_flat("id name locale status created_time page_id leads_count organic_leads_count expired_leads_count"),
        **_flat("privacy_policy_url follow_up_action_url question_page_custom_headline allow_organic_lead"),
        **_flat("is_optimized_for_quality tracking_parameters"),
        "page": _flat("id name"),
        "questions": _QUESTION,
        "legal_content": _LEGAL,
    },
    "page": _flat("id name leadgen_tos_accepted"),
}
DEFAULTS: Mapping[str, tuple[str, ...]] = {
    "lead": ("id", "created_time", "ad_id", "form_id", "field_data"),
    "form": ("id", "name", "locale", "status"),
    "page": ("id", "name"),
}
_NODE_TYPES = {"lead": "Lead", "form": "LeadGenData", "page": "Page"}
_TOKENS = re.compile(r"\s*([A-Za-z_0-9]+|[{},])\s*")


def shown(kind: str, node: Mapping[str, Any], fields: str | None) -> dict[str, Any]:
    """What of `node` the caller gets: the named fields and the id; what the node does not have stays away.

    Refused with code 100 for a field that such a node never has, 2500 for a text that is no list of fields.
    """
    if fields is None:
        return {name: node[name] for name in DEFAULTS[kind] if node.get(name) is not None}
    wanted = _parsed(fields)
    return _chosen({"id": {}, **wanted}, node, FIELDS[kind], _NODE_TYPES[kind])


def _chosen(wanted: Tree, node: Mapping[str, Any], possible: Tree, kind: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, inner in wanted.items():
        if name not in possible:
            raise Refused(100, f"(#100) Tried accessing nonexisting field ({name}) on node type ({kind})")
        value = node.get(name)
        if inner:
            below = {"id": {}, **inner} if "id" in possible[name] else inner
            value = _below(below, value, possible[name], name)
        if value is not None:
            found[name] = value
    return found


def _below(wanted: Tree, value: Any, possible: Tree, name: str) -> Any:
    if isinstance(value, list):
        return [_below(wanted, item, possible, name) for item in value]
    chosen = _chosen(wanted, value if isinstance(value, dict) else {}, possible, name)
    return chosen if isinstance(value, dict) else value


def _parsed(text: str) -> Tree:
    """`id,page{id,name}` as a tree."""
    tokens, at = [], 0
    while at < len(text):
        found = _TOKENS.match(text, at)
        if not found:
            raise _syntax(text[at])
        tokens.append(found[1])
        at = found.end()
    tree, rest = _fields([*tokens, ""])
    if rest != [""]:
        raise _syntax(rest[0])
    return tree


def _fields(tokens: list[str]) -> tuple[Tree, list[str]]:
    tree: dict[str, Any] = {}
    while True:
        name, *tokens = tokens
        if not name or name in "{},":
            raise _syntax(name)
        tree[name] = {}
        if tokens[0] == "{":
            tree[name], tokens = _fields(tokens[1:])
            if tokens[0] != "}":
                raise _syntax(tokens[0])
            tokens = tokens[1:]
        if tokens[0] != ",":
            return tree, tokens
        tokens = tokens[1:]


def _syntax(found: str) -> Refused:
    return Refused(2500, f'Syntax error "Expected a field instead of "{found}"."')
