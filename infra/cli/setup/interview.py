"""Asks a person for what `leadrelay init` was not given, and asks again for what does not work."""

from collections.abc import Callable
from typing import Protocol

from infra.cli.faults import CommandFailed
from infra.cli.place import Place
from infra.cli.setup import steps
from infra.cli.setup.answers import FACEBOOK, FACEBOOK_FIELDS, PINTEREST, PINTEREST_FIELDS, Answers, Field


class Asker(Protocol):
    """Somebody at a terminal. "" is an answer, too."""

    def text(self, question: str, default: str = "") -> str: ...
    def secret(self, question: str) -> str: ...
    def yes(self, question: str, default: bool) -> bool: ...
    def say(self, sentence: str) -> None: ...


def interview(place: Place, answers: Answers, asker: Asker) -> None:
    """Complete `answers`; every token in them works, or was stored before."""
    _locations(place, answers, asker)
    if answers.wants_pinterest or asker.yes("Do you use Pinterest Lead Ads?", _is_stored(place, PINTEREST)):
        _until_it_works(asker, lambda: _pinterest(place, answers, asker))
    if answers.wants_facebook or asker.yes("Do you use Facebook Lead Ads?", _is_stored(place, FACEBOOK)):
        _facebook(place, answers, asker)


def _locations(place: Place, answers: Answers, asker: Asker) -> None:
    for location in answers.locations:
        stored = steps.stored_token(place, location)

        def ask(location: str = location, stored: str = stored) -> None:
            hint = " (empty keeps the stored one)" if stored else ""
            # One that was given is tried first, and asked for only when it does not work.
            given = answers.locations[location] or asker.secret(f"Token of CRM location {location}, pit-…{hint}")
            answers.locations[location] = ""
            if not (given or stored):
                raise CommandFailed("It takes a token: Settings → Private Integrations in HighLevel makes one.")
            for remark in steps.check_location(place, location, given or stored):
                asker.say(remark)
            answers.locations[location] = given

        _until_it_works(asker, ask)


def _pinterest(place: Place, answers: Answers, asker: Asker) -> None:
    _fields(place, PINTEREST, PINTEREST_FIELDS, answers.pinterest, asker)
    for check, names in (
        (steps.check_pinterest_app, ("app_id", "app_secret")),
        (steps.check_pinterest, ("access_token", "refresh_token", "expires_at")),
    ):
        try:
            remarks = check(place, answers.pinterest)
        except CommandFailed:
            for name in names:
                answers.pinterest.pop(name, None)
            raise
        for remark in remarks:
            asker.say(remark)


def _facebook(place: Place, answers: Answers, asker: Asker) -> None:
    def ask_app() -> None:
        _fields(place, FACEBOOK, FACEBOOK_FIELDS, answers.facebook, asker)
        try:
            steps.check_app(place, answers.facebook)
        except CommandFailed:
            for name in ("app_id", "app_secret"):
                answers.facebook.pop(name, None)
            raise

    _until_it_works(asker, ask_app)
    known = place.secret(FACEBOOK).get("pages")
    if not answers.pages:
        hint = " (empty: none but those stored)" if known else ""
        while page := asker.text(f"Facebook page id{hint}").strip():
            answers.pages[page] = ""
            hint = " (empty: no more)"
    for page in answers.pages:

        def ask(page: str = page) -> None:
            stored = steps.stored_page_token(place, page)
            hint = " (empty keeps the stored one)" if stored else ""
            given = answers.pages[page] or asker.secret(f"Token of page {page}, EAA…{hint}")
            answers.pages[page] = ""
            if not (given or stored):
                raise CommandFailed("It takes the page's token: GET /me/accounts lists those of your pages.")
            steps.check_page(place, answers.facebook, page, given or stored)
            answers.pages[page] = given

        _until_it_works(asker, ask)


def _fields(place: Place, output: str, fields: tuple[Field, ...], given: dict[str, str], asker: Asker) -> None:
    """Ask for what was not given; what is stored already is kept when the answer is empty."""
    stored = place.secret(output)
    for it in fields:
        if given.get(it.name):
            continue
        held = it.held(given, stored)
        while True:
            if it.is_secret:
                answer = asker.secret(f"{it.question}{' (empty keeps the stored one)' if held else ''}")
            else:
                answer = asker.text(it.question, str(held or ""))
            if answer or not it.is_lacking(given, stored):
                break
        if answer and answer != held:
            given[it.name] = answer.strip()


def _is_stored(place: Place, output: str) -> bool:
    return bool({"access_token", "pages"} & {name for name, value in place.secret(output).items() if value})


def _until_it_works(asker: Asker, ask: Callable[[], None]) -> None:
    """Ask again after each sentence about what is wrong; Ctrl-C ends it."""
    while True:
        try:
            ask()
            return
        except CommandFailed as failed:
            asker.say(str(failed))
