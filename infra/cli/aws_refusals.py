"""What AWS's refusals mean to whoever typed the command: a sentence, and what to do about it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_SET_CLOCK = "Set it: sudo timedatectl set-ntp true"
_LOG_IN = "Log in again, as with: aws sso login"
_CHECK = "Check --profile, or the AWS credentials in the environment."


@dataclass(frozen=True)
class Refusal:
    """sentence: what is wrong; fix: what to do, "" where that is not known; told: AWS's own words, for such a case."""

    sentence: str
    fix: str = ""
    told: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.sentence, self.told and f"{self.told.rstrip('.')}.", self.fix)))


def refusal(error: "ClientError | BotoCoreError") -> Refusal:
    """What an error of boto3's means."""
    from botocore.exceptions import ClientError

    return _answered(error) if isinstance(error, ClientError) else _unanswered(error)


def _answered(error: "ClientError") -> Refusal:
    found, call = error.response.get("Error", {}), error.operation_name
    code, told = str(found.get("Code") or "unknown"), str(found.get("Message") or "")
    if any(it in code for it in ("AccessDenied", "NotAuthorized", "UnauthorizedOperation", "AuthorizationError")):
        return Refusal(f"Your AWS credentials may not call {call}.", f"Use credentials that may call {call}.")
    if _is_about_time(code, told.lower()):
        return Refusal(
            "This machine's clock is wrong: AWS takes no request from another time than its own.", _SET_CLOCK
        )
    if code in ("SignatureDoesNotMatch", "InvalidSignatureException"):
        return Refusal("The AWS credentials are wrong: the secret key does not belong to the key's id.", _CHECK)
    if "ExpiredToken" in code or code == "TokenRefreshRequired":
        return Refusal("Your AWS credentials have expired.", _LOG_IN)
    if code in ("InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "AuthFailure"):
        return Refusal("AWS does not know these credentials.", _CHECK)
    return Refusal(f"AWS refused {call} ({code}).", told=told)


def _is_about_time(code: str, told: str) -> bool:
    if code in ("RequestExpired", "RequestTimeTooSkewed"):
        return True
    is_signature = code in ("SignatureDoesNotMatch", "InvalidSignatureException")
    return is_signature and any(it in told for it in ("expired", "not yet current", "is now earlier", "is now later"))


def _unanswered(error: "BotoCoreError") -> Refusal:
    kind, known = type(error).__name__, getattr(error, "kwargs", {})
    if known.get("endpoint_url"):
        return _nobody(str(known["endpoint_url"]))
    if kind in ("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"):
        fix = f"{_CHECK} On this machine, `make run` starts a stack that needs none."
        return Refusal("There are no AWS credentials that can be used.", fix)
    if kind == "ProfileNotFound":
        return Refusal(f"There is no profile {known.get('profile')} among the AWS credentials.", "Check --profile.")
    if "SSO" in kind or "Token" in kind or kind == "LoginRefreshRequired":
        return Refusal("Your AWS credentials have expired.", _LOG_IN)
    return Refusal(f"AWS could not be asked ({kind}).", "Check the network, the region and the credentials.")


def _nobody(endpoint: Any) -> Refusal:
    address = urlsplit(endpoint)
    is_here = address.hostname in LOOPBACK
    fix = "See whether `make run` is up." if is_here else "Check the network and the region."
    return Refusal(f"Nobody answers at {address.scheme}://{address.netloc}.", fix)
