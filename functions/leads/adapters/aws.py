"""AWS clients: made once per container, quick to build and quick to give up."""

from __future__ import annotations

import gzip
import os.path
import threading
from collections.abc import Callable
from typing import Any

import botocore.session
import msgspec
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.loaders import Loader

# What a call to AWS can raise: an answer that says no, or no answer.
AwsError = (BotoCoreError, ClientError)

# Our callers park the lead when AWS does not answer, so waiting long helps nobody. Parameters are typed
# here and need no second check at run time.
_CONFIG = Config(
    connect_timeout=1,
    read_timeout=3,
    retries={"mode": "standard", "total_max_attempts": 2},
    parameter_validation=False,
    max_pool_connections=10,
    # Composing botocore's own user agent costs a tenth of every call.
    user_agent="LeadRelay",
    disable_request_compression=True,
    account_id_endpoint_mode="disabled",
)


class _JsonFiles:
    """Reads botocore's service descriptions with msgspec, which makes a client start a third sooner."""

    def exists(self, file_path: str) -> bool:
        return os.path.isfile(file_path + ".json") or os.path.isfile(file_path + ".json.gz")

    def load_file(self, file_path: str) -> Any:
        for path, opener in ((file_path + ".json", open), (file_path + ".json.gz", gzip.open)):
            if os.path.isfile(path):
                with opener(path, "rb") as file:
                    return msgspec.json.decode(file.read())
        return None


class Aws:
    """Clients of one session; botocore alone, as boto3 adds 45 ms of import and nothing we use."""

    def __init__(self) -> None:
        self._session = botocore.session.get_session()
        files: Any = _JsonFiles()  # any object with these two methods serves
        self._session.register_component("data_loader", Loader(file_loader=files))

    def client(self, service: str) -> Any:
        """A client for `service`, such as "sqs"; thread-safe."""
        return self._session.create_client(service, config=_CONFIG)

    def lazily(self, service: str) -> Callable[[], Any]:
        """Gives a client that is built when first asked for, once, whoever asks at the same time."""
        lock = threading.Lock()
        built: list[Any] = []

        def client() -> Any:
            with lock:
                if not built:
                    built.append(self.client(service))
                return built[0]

        return client


def error_code(error: BaseException) -> str:
    """AWS's code of a failed call (`ConditionalCheckFailedException`), or the exception's name."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "")) or type(error).__name__
    return type(error).__name__
