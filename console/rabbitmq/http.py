"""One bounded HTTP exchange: nothing a broker sends can cost more time or bytes than was granted.

No redirects, no cookies, no proxies from the environment, no compression, no answer whose end only
the closing of the connection would tell. Paths go out exactly as they were built.
"""

from __future__ import annotations

import contextlib
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2

from console.rabbitmq.addresses import ParsedUrl, parse_management_url
from console.rabbitmq.endpoint import Credentials, Endpoint, Secret, Timeouts
from console.rabbitmq.errors import (
    AnswerTooLarge,
    BrokerError,
    ConnectionLost,
    LoginRefused,
    MalformedAnswer,
    Redirected,
    TimedOut,
    UnaddressableName,
    Unreachable,
)
from console.rabbitmq.refusals import error_for_status
from console.rabbitmq.text import printable
from console.rabbitmq.tls import tls_context
from console.rabbitmq.wire import Exchange, PinnedTransport, under

JSON = "application/json"
_REFUSAL_BYTES = 64_000
_HEADER_BYTES = 200_000


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer that is no redirect. `content_type` is lower case, without parameters."""

    status: int
    body: bytes
    content_type: str
    headers: httpx2.Headers

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


class BoundedHttp:
    """HTTP to one broker, with its credentials, limits and connections. Safe to use from threads.

    Paths begin with a slash and are taken below the endpoint's prefix. A whole URL instead of a path
    reaches another port of the same host (the Prometheus plugin's).
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        try:
            self._base = parse_management_url(endpoint.url)
        except ValueError as error:
            raise Unreachable(str(error)) from None
        self._transport = PinnedTransport(endpoint.policy, tls_context(endpoint.tls))
        self._authorization = Secret(_basic(endpoint.credentials))

    def __enter__(self) -> BoundedHttp:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._transport.close()

    def get(
        self,
        path_or_url: str,
        *,
        accept: str = JSON,
        authenticated: bool = True,
        timeouts: Timeouts | None = None,
        max_bytes: int | None = None,
    ) -> bytes:
        """The body of a 2xx answer; any other status is raised. Retried once, and only where an idle
        kept-alive connection turned out to be dead. `max_bytes` defaults to the endpoint's limit."""
        answer = self.exchange(
            "GET",
            path_or_url,
            accept=accept,
            authenticated=authenticated,
            timeouts=timeouts,
            max_bytes=max_bytes,
        )
        if not answer.ok:
            raise error_for_status(answer.status, answer.body)
        if accept == JSON:
            must_be_json(answer)
        return answer.body

    def exchange(
        self,
        method: str,
        path_or_url: str,
        *,
        body: bytes | None = None,
        accept: str | None = None,
        authenticated: bool = True,
        timeouts: Timeouts | None = None,
        max_bytes: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One request and its whole answer, of any status but a redirect. Raises BrokerError.

        `accept` is JSON for reads and anything for writes, some of which refuse to give JSON (limits).
        """
        if accept is None:
            accept = JSON if method == "GET" else "*/*"
        cap = self.endpoint.limits.body_bytes if max_bytes is None else max_bytes
        request = self._request(method, path_or_url, body, accept, authenticated, headers)
        timeouts = timeouts or self.endpoint.timeouts
        exchange = _new_exchange(timeouts, cap)
        try:
            return _whole(self._transport, request, exchange, cap)
        except ConnectionLost:
            if method != "GET" or not exchange.reused or exchange.received:
                raise
        again = _new_exchange(timeouts, cap)
        again.deadline = exchange.deadline
        return _whole(self._transport, request, again, cap)

    @contextlib.contextmanager
    def stream(
        self,
        path_or_url: str,
        *,
        accept: str,
        authenticated: bool = False,
        timeouts: Timeouts | None = None,
        max_bytes: int | None = None,
    ) -> Iterator[Iterator[bytes]]:
        """The body of a 2xx answer in pieces as they come, under the same bounds. Not retried.

        The pieces must be read in the thread that opened the stream.
        """
        cap = self.endpoint.limits.body_bytes if max_bytes is None else max_bytes
        request = self._request("GET", path_or_url, None, accept, authenticated, None)
        exchange = _new_exchange(timeouts or self.endpoint.timeouts, cap)
        with _mapped(exchange), under(exchange), _opened(self._transport, request) as response:
            if not response.is_success:
                raise error_for_status(response.status_code, _beginning(response))
            yield _pieces(response, exchange, cap)

    def _request(
        self,
        method: str,
        path_or_url: str,
        body: bytes | None,
        accept: str,
        authenticated: bool,
        extra: dict[str, str] | None,
    ) -> httpx2.Request:
        base, target = self._base, path_or_url
        if path_or_url.startswith("/"):
            target = base.prefix + path_or_url
        else:
            base, target = self._elsewhere(path_or_url, authenticated)
        headers = {
            "Host": base.authority,
            "Accept": accept,
            "Accept-Encoding": "identity",
            "User-Agent": "Warren",
            **(extra or {}),
        }
        if body is not None:
            headers["Content-Type"] = JSON
            headers["Content-Length"] = str(len(body))
        extensions: dict[str, Any] = {"timeout": _WITHIN_DEADLINE}
        if self.endpoint.tls.server_name:
            extensions["sni_hostname"] = self.endpoint.tls.server_name
        try:
            url = httpx2.URL(f"{base.scheme}://{base.authority}{target}")
        except httpx2.InvalidURL as error:
            raise UnaddressableName("This path cannot be sent.") from error
        # A URL library may resolve dot segments or re-encode escapes: then another object would be meant.
        if url.raw_path != target.encode("ascii", "replace"):
            raise UnaddressableName("This path cannot be sent as it is written.")
        request = httpx2.Request(method, url, headers=headers, content=body, extensions=extensions)
        if authenticated:
            # Last, so that no variable of a frame that fails above shows it in a debug page; httpx2
            # masks it where it prints headers.
            request.headers["Authorization"] = self._authorization.reveal()
        return request

    def _elsewhere(self, url: str, authenticated: bool) -> tuple[ParsedUrl, str]:
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        base = parse_management_url(f"{parts.scheme}://{parts.netloc}")
        same_host = base.host == self._base.host
        downgraded = self._base.scheme == "https" and base.scheme == "http"
        if authenticated and (not same_host or downgraded):
            raise ValueError("Credentials go only to the broker's own host, never in clearer text.")
        return base, target


#: httpx2's own time-outs per read; the exchange's deadline cuts each of them shorter.
_WITHIN_DEADLINE = {"connect": None, "read": None, "write": None, "pool": None}


def must_be_json(answer: Answer) -> None:
    """Raises MalformedAnswer unless the answer says that it is JSON: a log-in page is often a 200."""
    if answer.content_type != JSON:
        kind = printable(answer.content_type, 60) or "nothing said"
        raise MalformedAnswer(
            f"Expected JSON, but got {kind}: is this RabbitMQ's management address?",
            status=answer.status,
        )


def _basic(credentials: Credentials) -> str:
    if ":" in credentials.username:
        raise LoginRefused("A user name with a colon cannot log in over HTTP.")
    pair = f"{credentials.username}:{credentials.password.reveal()}"
    try:
        return "Basic " + b64encode(pair.encode()).decode("ascii")
    except UnicodeEncodeError:
        raise LoginRefused("The user name or password is not valid Unicode.") from None


def _new_exchange(timeouts: Timeouts, cap: int) -> Exchange:
    # Chunk framing may cost a few bytes for each of the body's, never more than this.
    return Exchange(timeouts, max_wire_bytes=2 * cap + _HEADER_BYTES)


def _whole(
    transport: PinnedTransport, request: httpx2.Request, exchange: Exchange, cap: int
) -> Answer:
    with _mapped(exchange), under(exchange), _opened(transport, request) as response:
        if response.is_success:
            body = b"".join(_pieces(response, exchange, cap))
        else:
            body = _beginning(response)
        content_type = response.headers.get("content-type", "")
        return Answer(
            status=response.status_code,
            body=body,
            content_type=content_type.partition(";")[0].strip().lower(),
            headers=response.headers,
        )


@contextlib.contextmanager
def _opened(transport: PinnedTransport, request: httpx2.Request) -> Iterator[httpx2.Response]:
    response = transport.handle_request(request)
    try:
        _must_be_plain(response)
        yield response
    finally:
        response.close()


def _must_be_plain(response: httpx2.Response) -> None:
    if response.is_redirect or 300 <= response.status_code < 400:
        raise Redirected(_where_to(response), status=response.status_code)
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise MalformedAnswer(f"The answer is compressed ({printable(encoding, 40)}) unasked.")
    framed = "content-length" in response.headers or "chunked" in response.headers.get(
        "transfer-encoding", ""
    )
    if not framed and response.status_code != 204:
        # Its end would be the end of the connection: a cut answer would pass for a whole one.
        raise MalformedAnswer("The answer does not say how long it is.")


def _where_to(response: httpx2.Response) -> str:
    said = f"The address answers with a redirect ({response.status_code})"
    with contextlib.suppress(ValueError):
        target = urlsplit(response.headers.get("location", ""))
        if target.scheme and target.hostname:
            port = f":{target.port}" if target.port else ""
            return f"{said} to {printable(f'{target.scheme}://{target.hostname}{port}')}."
    return f"{said}."


def _pieces(response: httpx2.Response, exchange: Exchange, cap: int) -> Iterator[bytes]:
    announced = response.headers.get("content-length", "")
    too_large = f"The answer is larger than {cap:,} bytes."
    if announced.isdecimal() and len(announced) < 20 and int(announced) > cap:
        raise AnswerTooLarge(too_large, status=response.status_code)
    taken = 0
    for piece in response.iter_raw():
        taken += len(piece)
        if taken > cap:
            raise AnswerTooLarge(too_large, status=response.status_code)
        exchange.deadline.remaining()
        yield piece


def _beginning(response: httpx2.Response) -> bytes:
    """What a refusal says, as far as it is worth reading: the status counts, not the length."""
    body = b""
    for piece in response.iter_raw():
        body += piece
        if len(body) > _REFUSAL_BYTES:
            break
    return body[:_REFUSAL_BYTES]


@contextlib.contextmanager
def _mapped(exchange: Exchange) -> Iterator[None]:
    """The one edge where exceptions of httpx2 and what is below it become ours."""
    try:
        yield
    except BrokerError:
        raise
    except Exception as error:
        raise mapped(error, cut=exchange.cut) from error


def mapped(error: Exception, *, cut: bool = False) -> BrokerError:
    """`error`, of httpx2 or below, as one of ours. `cut`: the connection had been closed by then.

    An exception that is no transport's is our own defect and is raised as it is.
    """
    if isinstance(error, (httpx2.TimeoutException, TimeoutError)):
        return TimedOut("No complete answer in time.")
    if isinstance(error, (httpx2.ProxyError, httpx2.UnsupportedProtocol, httpx2.InvalidURL)):
        return Unreachable("The address cannot be used.")
    if isinstance(error, httpx2.ConnectError):
        return Unreachable("No connection could be made.")
    if isinstance(error, (httpx2.NetworkError, httpx2.StreamError)) or cut:
        return ConnectionLost()
    if isinstance(error, httpx2.TooManyRedirects):
        return Redirected()
    if isinstance(error, httpx2.LocalProtocolError):
        return Unreachable("The request could not be sent as it is.")
    if isinstance(error, (httpx2.HTTPError, httpx2.CookieConflict)):
        return MalformedAnswer("The answer is not proper HTTP.")
    if isinstance(error, OSError):
        return ConnectionLost()
    raise error
