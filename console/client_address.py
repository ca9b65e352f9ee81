"""Where a request comes from: for the log, the audit log and every limit by address.

Anyone can write `X-Forwarded-For` and `X-Forwarded-Proto`. They count only if the connection itself
comes from a proxy in CONSOLE_TRUSTED_PROXIES. Each proxy appends the address that it saw, so the
header is read from the end: the last address that isn't a trusted proxy is the client.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import structlog
from django.conf import settings
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django_structlog.signals import bind_extra_request_metadata

from console.settings.env import SCHEME_KEY, UNIX

#: An address for documentation (RFC 5737), which no client has. The page that shows where a request
#: comes from sends it as X-Forwarded-For, to check whether the proxy lets a client set that header.
PROBE_ADDRESS = "192.0.2.66"
#: Headers from which a WSGI server may itself have taken the scheme.
_SCHEME_HEADERS = ("HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_PROTOCOL", "HTTP_X_FORWARDED_SSL")
#: More hops than any chain of proxies has.
_MOST_HOPS = 50

#: The client's User-Agent of the current request: at most 400 printable characters, or "".
user_agent: ContextVar[str] = ContextVar("user_agent", default="")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from, and how the console knows.

    `address` is the client's IP address; "" if there is none. `peer` is the address that connected
    to the console; "" over a Unix socket. `proxies` are the trusted proxies on the way, the
    client's side first. `forwarded` and `forwarded_scheme`: whether the address and the scheme come
    from headers.
    """

    address: str
    peer: str
    proxies: tuple[str, ...]
    forwarded: bool
    scheme: str
    forwarded_scheme: bool
    #: Whether forwarding headers were present but not trusted.
    ignored: bool

    @property
    def is_shared(self) -> bool:
        """Whether the proxy doesn't report the client, so that all its clients share one
        address."""
        return bool(self.proxies) and not self.forwarded


class ClientAddressMiddleware:
    """Put the client's address into REMOTE_ADDR, so that all later code has one place to look, the
    scheme where Django reads it, and the client's User-Agent into `user_agent`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        origin = _read_origin(request)
        request.origin = origin  # type: ignore[attr-defined]
        request.META["REMOTE_ADDR"] = origin.address
        request.META[SCHEME_KEY] = origin.scheme
        told = request.META.get("HTTP_USER_AGENT", "")[:400]
        token = user_agent.set("".join(c if c.isprintable() else "?" for c in told))
        try:
            return self.get_response(request)
        finally:
            user_agent.reset(token)


def client_address(request: HttpRequest) -> str:
    """Return the IP address of the client; "" if there is none, as on a Unix socket. The only way
    to get it: for the log, the audit log, sessions, tokens' networks and every limit by address."""
    return _plain(str(request.META.get("REMOTE_ADDR", "")))


def client_network(request: HttpRequest) -> str:
    """Return the network that limits count by: an IPv4 address, or the /64 of an IPv6 address,
    which one client has as a whole. "unknown" without an address: all of those count as one."""
    address = client_address(request)
    if ":" in address:
        return str(ipaddress.ip_network(f"{address}/64", strict=False).network_address)
    return address or "unknown"


def origin_of(request: HttpRequest) -> Origin:
    """Return how the console determined the address and scheme of this request."""
    found: Origin = request.origin  # type: ignore[attr-defined]
    return found


@receiver(bind_extra_request_metadata)
def bind_address(request: HttpRequest, **kwargs: Any) -> None:
    if address := client_address(request):
        structlog.contextvars.bind_contextvars(ip=address)


@lru_cache(maxsize=8)
def _trusted(texts: tuple[str, ...]) -> tuple[bool, tuple[Any, ...]]:
    """Return whether the Unix socket is trusted, and the trusted networks."""
    return UNIX in texts, tuple(ipaddress.ip_network(text) for text in texts if text != UNIX)


def _is_trusted(address: str) -> bool:
    unix, networks = _trusted(tuple(settings.TRUSTED_PROXIES))
    if not address:
        return unix
    found = ipaddress.ip_address(address)
    return any(found.version == network.version and found in network for network in networks)


def _read_origin(request: HttpRequest) -> Origin:
    sent = str(request.META.get("REMOTE_ADDR", ""))
    peer = _plain(sent)
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
    # From the environment itself: Django would read SCHEME_KEY, which isn't set yet.
    scheme = "https" if request.META.get("wsgi.url_scheme") == "https" else "http"
    claimed = [request.META[name] for name in _SCHEME_HEADERS if name in request.META]
    # Text that isn't an address, such as a name, belongs to nobody, and isn't the Unix socket
    # either.
    is_unix = sent in ("", "unix:")
    if not ((peer or is_unix) and _is_trusted(peer)):
        # The server may have trusted a header that the console doesn't.
        kept = "http" if claimed else scheme
        # What the page about the connection sends itself comes from no proxy.
        foreign = forwarded.strip() not in ("", PROBE_ADDRESS)
        return Origin(peer, peer, (), False, kept, False, foreign or bool(claimed))
    # What the proxies report, the nearest first.
    hops = _hops(forwarded.split(",") if forwarded.strip() else [])
    address = hops[-1] if hops else peer
    proxies = (*reversed(hops[:-1]), peer or UNIX)
    proto = request.META.get("HTTP_X_FORWARDED_PROTO", "")
    if proto:
        # If several proxies append to it, each of them must have been reached by https.
        scheme = "https" if {p.strip().lower() for p in proto.split(",")} == {"https"} else "http"
    elif claimed:
        scheme = "http"
    return Origin(address, peer, proxies, bool(hops), scheme, bool(proto), False)


def _hops(entries: Sequence[str]) -> list[str]:
    """Return the entries that trusted proxies vouch for, from the last: proxies, then the client.
    It stops at an entry that isn't an address, because nobody vouches for the entries before it."""
    hops: list[str] = []
    for entry in reversed(entries[-_MOST_HOPS:]):
        found = _plain(_without_port(entry.strip()))
        if not found:
            break
        hops.append(found)
        if not _is_trusted(found):
            break
    return hops


def _without_port(text: str) -> str:
    """Remove the port from `203.0.113.7:50123` and `[2001:db8::1]:50123`, as some proxies write
    it."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    host, _, port = text.partition(":")
    return host if port.isascii() and port.isdecimal() and "." in host else text


def _plain(text: str) -> str:
    """Return the address as Postgres and people write it; "" if it isn't one."""
    try:
        # Without the scope of a link-local address.
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    # An IPv4 client of a dual-stack listener arrives as ::ffff:10.0.0.1.
    return str(getattr(found, "ipv4_mapped", None) or found)
