"""What `leadrelay facebook` does: both levels of subscription, the pages' forms, and a test lead."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from infra.cli.faults import CommandFailed
from infra.cli.pinterest.desk import by_same_host, shown_address
from infra.cli.place import Place, is_ours
from infra.cli.vendors.graph_api import FIELD, GraphApi

SECRET, WEBHOOK_TOKEN = "FacebookSecretArn", "WebhookTokenSecretArn"
APP, PAGE = "app", "page"
# How a subscription stands, or what was done about it.
DONE, WAS, REFUSED, OURS, ELSEWHERE, MISSING, OFF = (
    *("subscribed", "unchanged", "refused", "ours", "elsewhere"),
    *("missing", "not active"),
)
GOOD = frozenset((DONE, WAS, OURS))
_OBJECT = "page"


@dataclass(frozen=True)
class Desk:
    """Graph, the app and its pages as stored, and the addresses of this stack's webhook.

    pages: page → token, "" where there is none; former_url: with the previous webhook token, "" when there is none.
    """

    api: GraphApi
    app_id: str
    verify_token: str = field(repr=False)
    pages: Mapping[str, str] = field(repr=False)
    url: str = field(repr=False)
    former_url: str = field(default="", repr=False)


@dataclass(frozen=True)
class Line:
    """One subscription. level: app or page; id: the app's or the page's; state: one of the above; note: a sentence."""

    level: str
    id: str
    state: str
    note: str
    fields: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        return self.state in GOOD

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def desk_of(place: Place, wanted: Iterable[str] = ()) -> Desk:
    """Everything for one place, and of its pages those that are wanted, all of them when none is named.

    Raises CommandFailed when the secret lacks something, or a page that is wanted.
    """
    secret = place.secret(SECRET)
    texts = {name: value for name in ("app_id", "app_secret", "verify_token") if (value := _text(secret, name))}
    if len(texts) < 3:
        missing = [name for name in ("app_id", "app_secret", "verify_token") if name not in texts]
        raise CommandFailed(f"The Facebook secret has no {', '.join(missing)}: `leadrelay init` stores them.")
    stored = secret.get("pages")
    rows = stored.items() if isinstance(stored, dict) else ()
    pages = {page: _text(entry, "token") if isinstance(entry, dict) else "" for page, entry in rows}
    if unknown := [page for page in wanted if page not in pages]:
        raise CommandFailed(
            f"The Facebook secret has no page {', '.join(unknown)}: `leadrelay init --page {unknown[0]}` stores its "
            f"token. It has {', '.join(pages) or 'none'}.",
            exit_code=2,
        )
    if not pages:
        raise CommandFailed("The Facebook secret has no pages: `leadrelay init --page PAGE` stores one with its token.")
    url = place.webhook_url("facebook")
    former = place.secret(WEBHOOK_TOKEN).get("previous")
    return Desk(
        api=GraphApi(place.graph_api_url, texts["app_id"], texts["app_secret"]),
        app_id=texts["app_id"],
        verify_token=texts["verify_token"],
        pages={page: token for page, token in pages.items() if not wanted or page in wanted},
        url=url,
        former_url=f"{url.rpartition('/')[0]}/{former}" if former else "",
    )


def subscribe(desk: Desk, *, replace: bool) -> Iterator[Line]:
    """Subscribe the app, then each page; what one of them is refused does not keep the others from it.

    replace: also when the app's leads go elsewhere until now. An app has one address for all its pages.
    """
    yield _tried(APP, desk.app_id, partial(_subscribe_app, desk, replace))
    for page, token in desk.pages.items():
        yield _tried(PAGE, page, partial(_subscribe_page, desk, page, token))


def subscriptions(desk: Desk) -> Iterator[Line]:
    """How both levels stand."""
    yield _tried(APP, desk.app_id, partial(_app_line, desk))
    for page, token in desk.pages.items():
        yield _tried(PAGE, page, partial(_page_line, desk, page, token))


def forms(desk: Desk) -> tuple[list[tuple[str, dict[str, Any]]], list[str]]:
    """(page, form) of every form, and why some pages could not be asked."""
    found: list[tuple[str, dict[str, Any]]] = []
    refused: list[str] = []
    for page, token in desk.pages.items():
        try:
            found += [(page, form) for form in desk.api.forms(page, _needed(page, token))]
        except CommandFailed as failed:
            refused.append(str(failed))
    return found, refused


def form_of(desk: Desk, given: str) -> tuple[str, dict[str, Any]]:
    """(page, form) of the form that was given, else of the only active one. Raises CommandFailed if it is not clear."""
    found, refused = forms(desk)
    fitting = [
        (page, form) for page, form in found if (form.get("id") == given if given else form.get("status") == "ACTIVE")
    ]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting and refused:
        raise CommandFailed(refused[0])
    if not fitting:
        what = f"no form {given}" if given else "no active form"
        raise CommandFailed(f"Page {', '.join(desk.pages)} has {what}: `leadrelay facebook forms` lists what there is.")
    names = ", ".join(f"{form.get('id')} ({form.get('name')})" for _, form in fitting)
    raise CommandFailed(f"Choose one of the forms with --form: {names}.", exit_code=2)


def check_subscribed(desk: Desk, page: str) -> None:
    """Raises CommandFailed, with the remedy, unless a lead of the page would come here."""
    lines = [_app_line(desk), _page_line(desk, page, _needed(page, desk.pages[page]))]
    if bad := [line for line in lines if not line.is_good]:
        raise CommandFailed(" ".join(line.note for line in bad))


def fire(desk: Desk, page: str, form: str) -> str:
    """Make a test lead of the form in place of the one that it has; its id."""
    token = _needed(page, desk.pages[page])
    for old in desk.api.test_leads(form, token):
        desk.api.delete(old, token)
    return desk.api.test_lead(form, token)


def _tried(level: str, number: str, do: Callable[[], Line]) -> Line:
    try:
        return do()
    except CommandFailed as failed:
        if failed.exit_code == 2:
            raise  # nobody answers, so the others need not be asked
        return Line(level, number, REFUSED, str(failed))


def _subscribe_app(desk: Desk, replace: bool) -> Line:
    found = _app_subscription(desk)
    before = _line_of(desk, found)
    if before.state == ELSEWHERE and not replace:
        return before
    # What else is subscribed to at our own address stays.
    kept = before.fields if before.state != ELSEWHERE else ()
    fields = list(dict.fromkeys((*kept, FIELD)))
    # Also when it stands already: only so is it certain that the ids come along, which Graph does not tell.
    address = by_same_host(_callback(found), desk.url) if found and before.state != ELSEWHERE else desk.url
    desk.api.subscribe_app(address, desk.verify_token, ",".join(fields))
    note = "The app has leads sent to this stack; Facebook has asked the webhook whose it is, and was content."
    return Line(APP, desk.app_id, WAS if before.is_good else DONE, note, tuple(fields))


def _subscribe_page(desk: Desk, page: str, token: str) -> Line:
    before = _page_line(desk, page, _needed(page, token))
    if before.is_good:
        return Line(PAGE, page, WAS, before.note, before.fields)
    fields = (*before.fields, FIELD)
    desk.api.subscribe_page(page, token, ",".join(fields))
    return Line(PAGE, page, DONE, "The page tells the app of its leads.", fields)


def _app_subscription(desk: Desk) -> dict[str, Any]:
    """The app's subscription to its pages; {} for none."""
    return next((it for it in desk.api.app_subscriptions() if it.get("object") == _OBJECT), {})


def _callback(found: Mapping[str, Any]) -> str:
    return str(found.get("callback_url") or "")


def _app_line(desk: Desk) -> Line:
    return _line_of(desk, _app_subscription(desk))


def _line_of(desk: Desk, found: Mapping[str, Any]) -> Line:
    if not found:
        note = "The app does not subscribe to its pages' leads: `leadrelay facebook subscribe` does."
        return Line(APP, desk.app_id, MISSING, note)
    fields = tuple(str(it.get("name")) for it in found.get("fields") or () if isinstance(it, dict))
    tokens = [url.rpartition("/")[2] for url in (desk.url, desk.former_url)]
    if not is_ours(_callback(found), "facebook", tokens):
        note = (
            f"The app's webhooks go to {shown_address(_callback(found))}, which is not this stack. "
            "`leadrelay facebook subscribe --replace` has them come here, and no longer go there."
        )
        return Line(APP, desk.app_id, ELSEWHERE, note, fields)
    if FIELD not in fields:
        note = f"The app does not subscribe to the field {FIELD}: `leadrelay facebook subscribe` does."
        return Line(APP, desk.app_id, MISSING, note, fields)
    if found.get("active") is False:
        note = "The app's subscription is not active: `leadrelay facebook subscribe` makes it so."
        return Line(APP, desk.app_id, OFF, note, fields)
    return Line(APP, desk.app_id, OURS, "The app has leads sent to this stack.", fields)


def _page_line(desk: Desk, page: str, token: str) -> Line:
    apps = desk.api.page_subscriptions(page, _needed(page, token))
    own = next((it for it in apps if str(it.get("id")) == desk.app_id), {})
    fields = tuple(map(str, own.get("subscribed_fields") or ()))
    if FIELD in fields:
        return Line(PAGE, page, OURS, "The page tells the app of its leads.", fields)
    note = f"The page does not tell the app of its leads: `leadrelay facebook subscribe --page {page}` has it do so."
    return Line(PAGE, page, MISSING, note, fields)


def _needed(page: str, token: str) -> str:
    if not token:
        raise CommandFailed(f"Page {page} has no token: `leadrelay init --page {page}` stores one.")
    return token


def _text(entry: Mapping[str, Any], name: str) -> str:
    value = entry.get(name)
    return value if isinstance(value, str) else ""


def all_good(lines: Sequence[Line]) -> bool:
    """Whether everything stands as it should."""
    return all(line.is_good for line in lines)
