"""One bounded HTTP exchange: nothing a broker sends can cost more time or bytes than allowed.

No redirects, no cookies, no proxies from the environment, no compression, and no answer that ends
only when the connection closes. Paths are sent exactly as they were built.
"""

from __future__ import annotations

import contextlib
import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpcore2

from console.rabbitmq.endpoint import Credentials, Endpoint, Secret, Timeouts
from console.rabbitmq.errors import (
    ConnectionLost,
    LoginRefused,
    MalformedAnswer,
    UnaddressableName,
    Unreachable,
)
from console.rabbitmq.http.reading import beginning, header, mapped_errors, opened, pieces
from console.rabbitmq.http.refusals import error_for_status
from console.rabbitmq.http.wire import Exchange, pinned_pool, under
from console.rabbitmq.network.addresses import ParsedUrl, parse_management_url
from console.rabbitmq.network.tls import tls_context
from console.rabbitmq.text import printable

JSON = "application/json"
_HEADER_BYTES = 200_000
#: Characters allowed unescaped in a path and query. Code that builds them percent-encodes the rest.
_TARGET = re.compile(r"(?:/[\w.~!$&'()*+,;=:@%-]*)+(?:\?[\w.~!$&'()*+,;=:@%/?-]*)?", re.ASCII)
#: Dot segments, which a server may resolve to another resource.
_DOTS = re.compile(r"/\.{1,2}(?:/|$)")


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer that isn't a redirect.

    `content_type` is lower case, without parameters. `server` is the Server header, of a proxy or
    of RabbitMQ itself; "" if there is none.
    """

    status: int
    body: bytes
    content_type: str
    server: str = ""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


class BoundedHttp:
    """HTTP to one broker, with its credentials, limits and connections. Safe to use from threads.

    Paths start with a slash and are relative to the endpoint's prefix. Pass a complete URL to reach
    another port of the same host, such as the Prometheus plugin's.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        try:
            self._base = parse_management_url(endpoint.url)
        except ValueError as error:
            raise Unreachable(str(error)) from None
        self._pool = pinned_pool(endpoint.policy, tls_context(endpoint.tls))
        self._authorization = Secret(_basic(endpoint.credentials))

    def __enter__(self) -> BoundedHttp:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._pool.close()

    def get(
        self,
        path_or_url: str,
        *,
        accept: str = JSON,
        authenticated: bool = True,
        timeouts: Timeouts | None = None,
        max_bytes: int | None = None,
    ) -> bytes:
        """Return the body of a 2xx answer; raise an error for any other status.

        Retries once, and only if an idle kept-alive connection turned out to be dead. `max_bytes`
        defaults to the endpoint's limit.
        """
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
        """Send one request and return its complete answer, of any status except a redirect.

        `accept` defaults to JSON for reads and to anything for writes: some writes, such as limits,
        refuse to answer in JSON. Raises BrokerError.
        """
        if accept is None:
            accept = JSON if method == "GET" else "*/*"
        cap = self.endpoint.limits.body_bytes if max_bytes is None else max_bytes
        request = self._request(method, path_or_url, body, accept, authenticated, headers)
        timeouts = timeouts or self.endpoint.timeouts
        exchange = _new_exchange(timeouts, cap)
        try:
            return _whole(self._pool, request, exchange, cap)
        except ConnectionLost:
            if method != "GET" or not exchange.reused or exchange.received:
                raise
        again = _new_exchange(timeouts, cap)
        again.deadline = exchange.deadline
        return _whole(self._pool, request, again, cap)

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
        """Yield the body of a 2xx answer piece by piece, under the same bounds. Never retried.

        Read the pieces in the thread that opened the stream.
        """
        cap = self.endpoint.limits.body_bytes if max_bytes is None else max_bytes
        request = self._request("GET", path_or_url, None, accept, authenticated, None)
        exchange = _new_exchange(timeouts or self.endpoint.timeouts, cap)
        with mapped_errors(exchange), under(exchange), opened(self._pool, request) as response:
            if not 200 <= response.status < 300:
                raise error_for_status(response.status, beginning(response))
            yield pieces(response, exchange, cap)

    def _request(
        self,
        method: str,
        path_or_url: str,
        body: bytes | None,
        accept: str,
        authenticated: bool,
        extra: dict[str, str] | None,
    ) -> httpcore2.Request:
        base, target = self._base, path_or_url
        if path_or_url.startswith("/"):
            target = base.prefix + path_or_url
        else:
            base, target = self._elsewhere(path_or_url, authenticated)
        if not sendable(target):
            # It would have to be sent in a different form, which could mean another object.
            raise UnaddressableName("This path can't be sent unchanged.")
        headers = [
            ("Host", base.authority),
            ("Accept", accept),
            ("Accept-Encoding", "identity"),
            ("User-Agent", "Warren"),
            *(extra or {}).items(),
        ]
        if body is not None:
            headers += [("Content-Type", JSON), ("Content-Length", str(len(body)))]
        extensions: dict[str, Any] = {"timeout": _WITHIN_DEADLINE}
        if self.endpoint.tls.server_name:
            extensions["sni_hostname"] = self.endpoint.tls.server_name
        # Built from parts: given a complete URL, a library may resolve dot segments or encode it
        # again.
        url = httpcore2.URL(scheme=base.scheme, host=base.host, port=base.port, target=target)
        request = httpcore2.Request(
            method, url, headers=headers, content=body, extensions=extensions
        )
        if authenticated:
            # Added last, so that a debug page of a failure above shows no variable that contains
            # it.
            secret = self._authorization.reveal().encode("ascii")
            request.headers.append((b"Authorization", secret))
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


def sendable(target: str) -> bool:
    """Return whether a path with its query reaches the server unchanged and without dot segments."""
    return bool(_TARGET.fullmatch(target)) and not _DOTS.search(target.partition("?")[0])


#: Disables httpcore2's own timeouts per read; the exchange's deadline bounds each read.
_WITHIN_DEADLINE = {"connect": None, "read": None, "write": None, "pool": None}


def must_be_json(answer: Answer) -> None:
    """Raise MalformedAnswer unless the answer is declared as JSON: login pages often answer 200."""
    if answer.content_type != JSON:
        kind = printable(answer.content_type, 60) or "no content type"
        raise MalformedAnswer(
            f"Expected JSON but got {kind}. Check that the address is RabbitMQ's "
            "management address.",
            status=answer.status,
        )


def _basic(credentials: Credentials) -> str:
    if ":" in credentials.username:
        raise LoginRefused("A username with a colon can't sign in over HTTP.")
    pair = f"{credentials.username}:{credentials.password.reveal()}"
    try:
        return "Basic " + b64encode(pair.encode()).decode("ascii")
    except UnicodeEncodeError:
        raise LoginRefused("The username or password isn't valid Unicode.") from None


def _new_exchange(timeouts: Timeouts, cap: int) -> Exchange:
    # Chunk framing can add a few bytes per byte of the body, never more than this.
    return Exchange(timeouts, max_wire_bytes=2 * cap + _HEADER_BYTES)


def _whole(
    pool: httpcore2.ConnectionPool, request: httpcore2.Request, exchange: Exchange, cap: int
) -> Answer:
    with mapped_errors(exchange), under(exchange), opened(pool, request) as response:
        if 200 <= response.status < 300:
            body = b"".join(pieces(response, exchange, cap))
        else:
            body = beginning(response)
        return Answer(
            status=response.status,
            body=body,
            content_type=header(response, b"content-type").partition(";")[0].strip().lower(),
            server=header(response, b"server"),
        )
