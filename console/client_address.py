"""Where a request comes from: for the log, the audit trail and every limit by address.

`X-Forwarded-For` and `X-Forwarded-Proto` are headers that anybody can write. They count only where the
connection itself comes from a proxy named by CONSOLE_TRUSTED_PROXIES. Each proxy adds the address that
it saw at the end, so reading goes from the end: the last address that is no trusted proxy is the client.
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

#: An address for documentation (RFC 5737), that no client has. The page that shows where a request
#: comes from sends it as X-Forwarded-For, to see whether the proxy lets a client write that.
PROBE_ADDRESS = "192.0.2.66"
#: Headers by which a WSGI server may itself have chosen the scheme.
_SCHEME_HEADERS = ("HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_PROTOCOL", "HTTP_X_FORWARDED_SSL")
#: More hops than any chain of proxies has.
_MOST_HOPS = 50

#: What the client of the present request calls itself: at most 400 printable characters, or "".
user_agent: ContextVar[str] = ContextVar("user_agent", default="")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from, and how the console knows.

    `address` is the client's IP address, "" where there is none. `peer` is who connected to the console,
    "" over a Unix socket. `proxies` are the trusted proxies on the way, the client's side first.
    `forwarded` and `forwarded_scheme` tell whether the address and the scheme are from headers.
    """

    address: str
    peer: str
    proxies: tuple[str, ...]
    forwarded: bool
    scheme: str
    forwarded_scheme: bool
    #: Whether forwarding headers were there but not believed.
    ignored: bool

    @property
    def is_shared(self) -> bool:
        """Whether the proxy says nothing of the client, so that all its clients have one address."""
        return bool(self.proxies) and not self.forwarded


class ClientAddressMiddleware:
    """Puts the client's address into REMOTE_ADDR, so that all later code has one place to look, the
    scheme where Django reads it, and what the client calls itself into `user_agent`."""

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
    """The IP address of whoever sent the request, "" where there is none, as on a Unix socket. The one
    way to it: for the log, the audit trail, sessions, tokens' networks and every limit by address."""
    return _plain(str(request.META.get("REMOTE_ADDR", "")))


def client_network(request: HttpRequest) -> str:
    """What limits count by: an IPv4 address, or the /64 of an IPv6 one, all of which one client has.
    "unknown" where there is no address: all those count as one."""
    address = client_address(request)
    if ":" in address:
        return str(ipaddress.ip_network(f"{address}/64", strict=False).network_address)
    return address or "unknown"


def origin_of(request: HttpRequest) -> Origin:
    """How the console came to the address and the scheme of this request."""
    found: Origin = request.origin  # type: ignore[attr-defined]
    return found


@receiver(bind_extra_request_metadata)
def bind_address(request: HttpRequest, **kwargs: Any) -> None:
    if address := client_address(request):
        structlog.contextvars.bind_contextvars(ip=address)


@lru_cache(maxsize=8)
def _trusted(texts: tuple[str, ...]) -> tuple[bool, tuple[Any, ...]]:
    """Whether the Unix socket is trusted, and the trusted networks."""
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
    # The environment's own word: Django would ask for SCHEME_KEY, which is not there yet.
    scheme = "https" if request.META.get("wsgi.url_scheme") == "https" else "http"
    claimed = [request.META[name] for name in _SCHEME_HEADERS if name in request.META]
    # Text that is no address, such as a name, is nobody's: it is not the Unix socket either.
    is_unix = sent in ("", "unix:")
    if not ((peer or is_unix) and _is_trusted(peer)):
        # The server may have believed a header that we do not.
        kept = "http" if claimed else scheme
        # What the page about the connection makes up comes from no proxy.
        foreign = forwarded.strip() not in ("", PROBE_ADDRESS)
        return Origin(peer, peer, (), False, kept, False, foreign or bool(claimed))
    # The proxies' own words, the nearest first.
    hops = _hops(forwarded.split(",") if forwarded.strip() else [])
    address = hops[-1] if hops else peer
    proxies = (*reversed(hops[:-1]), peer or UNIX)
    proto = request.META.get("HTTP_X_FORWARDED_PROTO", "")
    if proto:
        # Where proxies add to it, each of them must have been reached by https.
        scheme = "https" if {p.strip().lower() for p in proto.split(",")} == {"https"} else "http"
    elif claimed:
        scheme = "http"
    return Origin(address, peer, proxies, bool(hops), scheme, bool(proto), False)


def _hops(entries: Sequence[str]) -> list[str]:
    """The entries that are vouched for, from the last one: trusted proxies, then the client. An entry
    that is no address ends it: whoever wrote it did not know, and nobody vouches for those before."""
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
    """`203.0.113.7:50123` and `[2001:db8::1]:50123`, as some proxies write it, without the port."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    host, _, port = text.partition(":")
    return host if port.isascii() and port.isdecimal() and "." in host else text


def _plain(text: str) -> str:
    """The address as Postgres and people write it; "" for what is none."""
    try:
        # Without the scope of a link's address.
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    # An IPv4 client of a listener for both arrives as ::ffff:10.0.0.1.
    return str(getattr(found, "ipv4_mapped", None) or found)
