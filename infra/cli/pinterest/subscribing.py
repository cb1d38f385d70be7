"""Subscribing to Pinterest's leads: making a subscription, rotating it, ending it; its key is never lost on the way."""

import time
from collections.abc import Callable, Sequence

from botocore.exceptions import BotoCoreError, ClientError

from infra.cli.faults import CommandFailed
from infra.cli.pinterest.desk import Desk, Done, accounts_of, by_same_host, chosen, elsewhere, find, is_ours
from infra.cli.pinterest.keys import concerns, entry_id, has_key, is_live, retired, stored
from infra.cli.vendors.pinterest_api import Subscription, of_form
from infra.cli.vendors.pinterest_refusals import PinterestRefused

_RECONCILE = "What people leave meanwhile, `leadrelay reconcile` fetches: Pinterest keeps it for 30 days."
_ALLOW = (
    "See to it that you may do secretsmanager:DescribeSecret, GetSecretValue, PutSecretValue and "
    "UpdateSecretVersionStage on the Pinterest keys secret."
)


def subscribe(desk: Desk, account: str, form: str = "", *, replace: bool = False) -> Done:
    """Have the leads of the form ("": of the whole ad account) sent to this stack, and store their key.

    A subscription that is there already keeps its key, which is fetched and stored. Raises CommandFailed when it sends
    elsewhere and is not to be replaced, and when the key cannot be stored: a new subscription is deleted again then.
    """
    former = _live(desk, account, form)  # proves, before anything is made, that the secret can be read
    subscriptions = desk.api.subscriptions(account)
    old = find(subscriptions, form)
    if old is not None and desk.is_present(old.url):
        return _fetched(desk, old)
    if old is not None and replace:
        return _renewed(desk, old, subscriptions)
    if old is not None:
        hint = f"`leadrelay pinterest rotate {chosen(account, form)}`, or --replace, has them sent here instead."
        raise CommandFailed(f"{elsewhere(desk, old)} {hint}")
    if form:
        desk.api.lead_form(account, form)
    new = _made(desk, account, form, desk.url)
    try:
        _store(desk, new)
    except (CommandFailed, BotoCoreError, ClientError) as error:
        raise CommandFailed(_undone(desk, new, error)) from None
    notes = ("An older key for the same leads was live; it stays, retired.",) if former else ()
    return Done("created", new.id, account, form, notes)


def rotate(desk: Desk, account: str, form: str, agreed: Callable[[str], None]) -> Done:
    """Replace the subscription of the form ("": of the whole ad account), and with it the key; the old key stays.

    There is one subscription per account or form, so the old one goes first. Wherever it breaks off, it can be
    repeated: the old key is stored before its subscription is deleted, the secret is written in any case, so that the
    next key can be, and the old one stays live until the next one is stored;
    a key that did not come to be stored, Pinterest tells again. agreed: raises CommandFailed unless the question
    whether to take the leads away from another address is answered with yes.
    """
    former = _live(desk, account, form)
    subscriptions = desk.api.subscriptions(account)
    old = find(subscriptions, form)
    if old is None:
        if not former:
            raise CommandFailed(
                f"Nothing subscribes to {of_form(form)} of ad account {account}: `leadrelay pinterest subscribe` does."
            )
        new = _made(desk, account, form, desk.url)
        _store_or_say(desk, new)
        return _completed(new)
    if not is_ours(desk, old):
        agreed(f"{elsewhere(desk, old)} Nothing will be sent there any more. Replace it?")
    elif desk.is_present(old.url) and former and not any(has_key(entry, old.key) for entry in desk.keys.entries()):
        # Made by a rotation that did not come to store its key.
        _store_or_say(desk, _with_key(desk, old))
        return _completed(old)
    return _renewed(desk, old, subscriptions)


def unsubscribe(desk: Desk, number: str, account: str, agreed: Callable[[str], None]) -> Done:
    """Delete a subscription at Pinterest, if it is there, and keep its key as retired. account: "" looks in all.

    agreed: as for `rotate`; asked whether to delete the subscription, or else to retire the key. Raises CommandFailed
    when neither Pinterest nor the secret knows it.
    """
    entry = next((each for each in desk.keys.entries() if entry_id(each) == number), None)
    home = account or str((entry or {}).get("ad_account_id") or "")
    # What is no number was never one of Pinterest's, such as the keys a local stack starts with.
    old = _at_pinterest(desk, number, home) if number.isdigit() else None
    if old is None and entry is None:
        raise CommandFailed(
            f"Neither Pinterest nor the secret knows subscription {number}: `leadrelay pinterest subscriptions` "
            "lists those there are."
        )
    if old is not None:
        agreed(f"{_sends(desk, old)} Delete it?")
        _keep(desk, old)
        _delete(desk, old)
    else:
        agreed(f"Pinterest does not know subscription {number}. Retire its key?")
    desk.keys.change(lambda entries: retired(entries, number, desk.moment))
    if old is not None:
        return Done("retired", number, old.account, old.form)
    form = str((entry or {}).get("lead_form_id") or "")
    return Done("retired", number, home, form, ("Pinterest does not know it; only its key was retired.",))


def _live(desk: Desk, account: str, form: str) -> bool:
    """Whether the secret has a live key for these very leads."""
    return any(is_live(entry) and concerns(entry, account, form) for entry in desk.keys.entries())


def _fetched(desk: Desk, old: Subscription) -> Done:
    """The subscription is ours: whatever became of its key, afterwards it is stored."""
    whole = _with_key(desk, old)
    entries = desk.keys.entries()
    if stored(entries, whole, desk.moment) == entries:
        return Done("unchanged", old.id, old.account, old.form)
    _store_or_say(desk, whole)
    notes = ("Leads that wait for this key are delivered with their next attempt.",)
    return Done("stored", old.id, old.account, old.form, notes)


def _renewed(desk: Desk, old: Subscription, subscriptions: Sequence[Subscription]) -> Done:
    _keep(desk, old)
    _announce(desk)
    _delete(desk, old)
    began = time.monotonic()
    try:
        new = _made(desk, old.account, old.form, by_same_host(old.url, desk.url) if is_ours(desk, old) else desk.url)
    except CommandFailed as error:
        raise CommandFailed(
            f"{error} The old subscription {old.id} is deleted, so Pinterest has nowhere to send leads of "
            f"{of_form(old.form)} of ad account {old.account}: repeat the command soon. {_RECONCILE}",
            exit_code=error.exit_code,
        ) from None
    seconds = time.monotonic() - began
    _store_or_say(desk, new)
    ours = [each for each in subscriptions if each.id != old.id and desk.is_present(each.url)]
    notes = (_gap(seconds, old.form, ours), f"The key of {old.id} stays, retired, for leads that are under way.")
    return Done("rotated", new.id, old.account, old.form, notes)


def _gap(seconds: float, form: str, ours: Sequence[Subscription]) -> str:
    """What happened to leads between the two subscriptions. ours: the others that send to this stack."""
    between = f"Between the two, for {seconds:.1f} s,"
    if form and (whole := find(ours, "")):
        return f"{between} the ad account's own subscription {whole.id} took the form's leads."
    covered = ", but for those of forms with a subscription of their own" if ours and not form else ""
    return f"{between} Pinterest had nowhere to send leads{covered}. {_RECONCILE}"


def _completed(new: Subscription) -> Done:
    notes = (f"An earlier rotation had broken off; this completed it. {_RECONCILE}",)
    return Done("completed", new.id, new.account, new.form, notes)


def _made(desk: Desk, account: str, form: str, address: str) -> Subscription:
    """A new subscription with its key."""
    try:
        new = desk.api.subscribe(account, address, form or None)
    except PinterestRefused:
        raise
    except CommandFailed as error:
        raise CommandFailed(
            f"{error} Whether the subscription was made is not known: repeat the command, it finds out.",
            exit_code=error.exit_code,
        ) from None
    return new if new.key else _with_key(desk, new)


def _with_key(desk: Desk, subscription: Subscription) -> Subscription:
    """The subscription with its key, which Pinterest tells again when it is asked for this one."""
    whole = subscription if subscription.key else desk.api.subscription(subscription.account, subscription.id)
    if not whole.key:
        raise CommandFailed(
            f"Pinterest does not tell the key of subscription {subscription.id}, so that its leads cannot be read: "
            f"end it with `leadrelay pinterest unsubscribe {subscription.id}`, then subscribe anew."
        )
    return whole


def _keep(desk: Desk, old: Subscription) -> None:
    """Have the key of a subscription before it ends, as a live one until then.

    Not a stranger's: whoever has a key that we keep could make leads that we take for Pinterest's.
    """
    if is_ours(desk, old) and old.key:
        _store(desk, old)


def _announce(desk: Desk) -> None:
    """The next key can be stored: whoever may only read would leave Pinterest with a key that nobody has."""
    try:
        desk.keys.announce(desk.moment)
    except (CommandFailed, BotoCoreError, ClientError) as error:
        raise CommandFailed(
            f"The Pinterest keys secret cannot be written ({_why(error)}), so nothing was changed at Pinterest. "
            f"{_ALLOW} Then repeat the command."
        ) from None


def _sends(desk: Desk, old: Subscription) -> str:
    if not is_ours(desk, old):
        return elsewhere(desk, old)
    return f"Subscription {old.id} sends the leads of {of_form(old.form)} of ad account {old.account} to this stack."


def _store(desk: Desk, new: Subscription) -> None:
    desk.keys.change(lambda entries: stored(entries, new, desk.moment))


def _store_or_say(desk: Desk, new: Subscription) -> None:
    """The subscription stays, stored or not: leads that wait for a key are better off than leads with nowhere to go."""
    try:
        _store(desk, new)
    except (CommandFailed, BotoCoreError, ClientError) as error:
        raise CommandFailed(
            f"The key of subscription {new.id} could not be stored ({_why(error)}). Its leads wait in the queue. "
            f"{_remedy(new)}"
        ) from None


def _undone(desk: Desk, new: Subscription, error: Exception) -> str:
    """Deletes a subscription whose key could not be stored; what there is to say about it."""
    sentence = f"The key of the new subscription could not be stored ({_why(error)})"
    try:
        _delete(desk, new)
    except CommandFailed:
        return (
            f"{sentence}, and subscription {new.id} could not be deleted again. Its leads wait in the queue. "
            f"{_remedy(new)} Or end it: `leadrelay pinterest unsubscribe {new.id}`."
        )
    return f"{sentence}, so subscription {new.id} was deleted again. {_ALLOW} Then repeat the command."


def _remedy(new: Subscription) -> str:
    again = f"`leadrelay pinterest subscribe {chosen(new.account, new.form)}`"
    return f"{_ALLOW} Then {again} fetches the key from Pinterest and stores it."


def _why(error: Exception) -> str:
    """An error in a word or a sentence, without anything of what was to be written."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code") or type(error).__name__)
    return str(error).rstrip(".") if isinstance(error, CommandFailed) else type(error).__name__


def _delete(desk: Desk, old: Subscription) -> None:
    """It is as good when it is gone already."""
    try:
        desk.api.unsubscribe(old.account, old.id)
    except PinterestRefused as refused:
        if refused.status != 404:
            raise


def _at_pinterest(desk: Desk, number: str, account: str) -> Subscription | None:
    for each in accounts_of(desk.api, account):
        found = next((known for known in desk.api.subscriptions(each) if known.id == number), None)
        if found:
            return found
    return None
