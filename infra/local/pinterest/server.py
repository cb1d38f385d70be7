"""The loopback server as Pinterest needs it: lists in a query, files beside JSON, and answers of nothing."""

from collections.abc import Callable
from urllib.parse import parse_qsl, urlencode

from infra.local.sandbox.web import Answer, Call, LoopbackServer, _Connection


class PinterestServer(LoopbackServer):
    """Serves `answer`; an answer whose body is bytes goes out as it is."""

    def __init__(self, port: int, answer: Callable[[Call], Answer], name: str) -> None:
        super().__init__(port, answer, name)
        self.RequestHandlerClass = _PinterestConnection


class _PinterestConnection(_Connection):
    server_version = "pinterest-sandbox"

    def parse_request(self) -> bool:
        is_whole = super().parse_request()
        if is_whole:
            self.path = with_lists_joined(self.path)
        return is_whole

    def _send(self, answer: Answer) -> None:
        if not isinstance(answer.body, bytes):
            super()._send(answer)
            return
        self.send_response(answer.status)
        # A 204 has no body, and says so by its status alone.
        length = {} if answer.status == 204 else {"Content-Length": str(len(answer.body))}
        for name, value in {**answer.headers, **length}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)


def with_lists_joined(url: str) -> str:
    """`?a=1&a=2`, a list in OpenAPI's default style, as `?a=1,2`."""
    path, mark, query = url.partition("?")
    lists: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        lists.setdefault(name, []).append(value)
    return path + mark + urlencode({name: ",".join(values) for name, values in lists.items()})
