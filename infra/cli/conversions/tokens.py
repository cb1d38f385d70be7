"""Conversion tokens: made by Pinterest or given by somebody, proved with an event that nobody keeps, stored."""

from infra.cli.conversions.accounts import APP, NAME, events_api
from infra.cli.conversions.trial import OF_ACCOUNT, Trial, dummy, sentence
from infra.cli.faults import CommandFailed
from infra.cli.place import Place
from infra.cli.setup.secret_edit import edit_secret, merged
from infra.cli.vendors.pinterest_conversions import PinterestConversions


def make(place: Place) -> str:
    """A token of Pinterest's making, by the app's access token. Raises CommandFailed."""
    access = place.secret(APP).get("access_token")
    if not (isinstance(access, str) and access):
        raise CommandFailed(
            'The Pinterest app secret has no "access_token" to make a conversion token with: `leadrelay init` stores '
            "one. Or make a conversion token in Ads Manager, and give it with --from-stdin."
        )
    return PinterestConversions(place.pinterest_api_url, access).conversion_token()


def checked(text: str) -> str:
    """A token as it can be sent. Raises CommandFailed for anything else, which it does not quote."""
    token = text.strip()
    if not token:
        raise CommandFailed("No token was given.", exit_code=2)
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise CommandFailed("That is no token: it takes one line of plain letters, as Pinterest shows it.", exit_code=2)
    return token


def prove(place: Place, account: str, token: str) -> None:
    """Send an event of nobody as a test. Raises CommandFailed when Pinterest does not take it with this token."""
    try:
        [said] = Trial(events_api(place, {NAME: {account: token}})).verdicts([dummy(account)])
        if said.reason in OF_ACCOUNT:
            raise CommandFailed(sentence(said.reason, said.detail))
    except CommandFailed as failed:
        raise CommandFailed(
            f"Nothing was stored, as the token does not work. {failed}", exit_code=failed.exit_code
        ) from None
    if not said.is_taken:
        raise CommandFailed(f"Nothing was stored: Pinterest refused a test event ({said.detail or 'not said why'}).")


def store(place: Place, account: str, token: str) -> list[str]:
    """Put the token into the Pinterest app secret; the names of what has changed, [] when it was there already."""
    return edit_secret(place, APP, lambda secret: merged(secret, {NAME: {account: token}}))
