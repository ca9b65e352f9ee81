"""Broker addresses: what a form accepts, and where the console connects to.

There are two checks. The first parses what a person typed and refuses anything except a plain
address. The second checks the IP addresses that a name resolves to, at every connect. The
connection then goes to exactly the address that was checked, so DNS that changes its answer in
between has no effect.
"""

from __future__ import annotations

import ipaddress
import queue
import re
import socket
import threading
import time
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, unquote, urlsplit

from console.rabbitmq.endpoint import AddressPolicy
from console.rabbitmq.errors import (
    AddressForbidden,
    ConnectionRefused,
    NameNotResolved,
    TimedOut,
    Unreachable,
)
from console.rabbitmq.network.deadline import Deadline
from console.rabbitmq.network.ranges import IpAddress, why_forbidden
from console.rabbitmq.text import printable

_HOST_LABELS = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?", re.ASCII)
_MAX_HOST = 253
_MAX_URL = 2000
_PREFIX_SEGMENT = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@-]+", re.ASCII)


class BadAddress(ValueError):
    """An unacceptable address. The message is one sentence for the person who typed it."""


@dataclass(frozen=True, slots=True)
class ParsedUrl:
    """A checked address.

    `host` is lower case; an IPv6 address has no brackets. `prefix` is "", or starts with a slash
    and doesn't end with one. `vhost` is set for AMQP addresses only.
    """

    scheme: Literal["http", "https", "amqp", "amqps"]
    host: str
    port: int
    prefix: str = ""
    vhost: str = "/"

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def text(self) -> str:
        """The canonical spelling, which is stored and compared."""
        vhost = "" if self.vhost == "/" else "/" + quote(self.vhost, safe="")
        return f"{self.scheme}://{self.authority}{self.prefix}{vhost}"


def parse_management_url(text: str) -> ParsedUrl:
    """Parse `http(s)://host[:port][/prefix]`. The default port is the URL scheme's: 80 or 443.

    A trailing `/api` is removed, because people copy it along. Raises BadAddress.
    """
    scheme, host, port, path = _split(text, {"http": 80, "https": 443})
    prefix = _checked_prefix(path)
    if prefix == "/api" or prefix.endswith("/api"):
        prefix = prefix.removesuffix("/api")
    return ParsedUrl("https" if scheme == "https" else "http", host, port, prefix)


def parse_amqp_url(text: str) -> ParsedUrl:
    """Parse `amqp(s)://host[:port][/vhost]`, the vhost percent-encoded. Raises BadAddress."""
    scheme, host, port, path = _split(text, {"amqp": 5672, "amqps": 5671})
    vhost = "/"
    if path not in ("", "/"):
        if "/" in path[1:]:
            raise BadAddress("Write the slash in the virtual host's name as %2F.")
        vhost = unquote(path[1:], errors="strict") if _is_utf8(path[1:]) else ""
        if not vhost or any(ord(character) < 32 for character in vhost):
            raise BadAddress("The virtual host in the AMQP address can't be read.")
    return ParsedUrl("amqps" if scheme == "amqps" else "amqp", host, port, vhost=vhost)


def _is_utf8(text: str) -> bool:
    try:
        unquote(text, errors="strict")
    except UnicodeDecodeError:
        return False
    return True


def _split(text: str, default_ports: dict[str, int]) -> tuple[str, str, int, str]:
    schemes = " or ".join(f"{scheme}://" for scheme in default_ports)
    if not text or not text.strip():
        raise BadAddress("Enter the address.")
    text = text.strip(" ")
    if len(text) > _MAX_URL:
        raise BadAddress(f"The address is longer than {_MAX_URL} characters.")
    if any(ord(character) <= 32 or ord(character) == 127 for character in text):
        raise BadAddress("The address contains a space or a control character.")
    if "\\" in text:
        raise BadAddress("The address contains a backslash.")
    scheme, separator, rest = text.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in default_ports:
        raise BadAddress(f"The address must begin with {schemes}.")
    if "#" in rest:
        raise BadAddress("The address can't have a # part. Remove everything from the # on.")
    if "?" in rest:
        raise BadAddress("The address can't have a query (?…). Remove everything from the ? on.")
    authority = rest.partition("/")[0]
    if "@" in authority:
        raise BadAddress(
            "Remove the username and password from the address and enter them in their own fields."
        )
    try:
        parts = urlsplit(f"{scheme}://{rest}")
        port = parts.port
    except ValueError:
        raise BadAddress("The host or port in the address can't be read.") from None
    if port == 0:
        raise BadAddress("The port must be between 1 and 65535.")
    if authority.endswith(":"):
        raise BadAddress("The port after the colon is missing.")
    return (
        scheme,
        _checked_host(parts.hostname or "", authority),
        port or default_ports[scheme],
        parts.path,
    )


def _checked_host(host: str, authority: str) -> str:
    host = host.removesuffix(".")
    if not host:
        raise BadAddress("The address has no host.")
    if len(host) > _MAX_HOST:
        raise BadAddress(f"The host name is longer than {_MAX_HOST} characters.")
    if authority.startswith("["):
        try:
            address = ipaddress.IPv6Address(host)
        except ValueError:
            address = None
        if address is None or address.scope_id:
            raise BadAddress("The IPv6 address in brackets isn't valid.")
        return str(address)
    check_host(host)
    return host.lower()


def check_host(host: str) -> None:
    """Raise BadAddress unless `host` is a host name, or an IP address without brackets."""
    if not host.isascii():
        raise BadAddress("Write the host name in its ASCII form (xn--…).")
    labels = host.removesuffix(".").split(".")
    if _literal(host) is None and not all(_HOST_LABELS.fullmatch(label) for label in labels):
        raise BadAddress("The host name holds characters that a host name cannot have.")


def _checked_prefix(path: str) -> str:
    segments = path.strip("/").split("/") if path.strip("/") else []
    for segment in segments:
        if segment in (".", ".."):
            raise BadAddress("The path in the address can't contain . or .. segments.")
        if not _PREFIX_SEGMENT.fullmatch(segment):
            raise BadAddress(
                "The path in the address contains characters that aren't allowed in paths."
            )
    return "".join(f"/{segment}" for segment in segments)


def check_literal(host: str, policy: AddressPolicy) -> None:
    """Check a host that is already an IP address, without a DNS lookup.

    Covers every spelling that the system's resolver accepts (`127.1`, `0x7f000001`, `2130706433`).
    Other names pass: they are checked when they resolve. Raises AddressForbidden.
    """
    literal = _literal(host)
    reason = why_forbidden(literal, policy) if literal is not None else None
    if host.lower() == "localhost" or host.lower().endswith(".localhost"):
        reason = why_forbidden(ipaddress.IPv4Address("127.0.0.1"), policy)
    if reason:
        raise AddressForbidden(reason)


def _literal(host: str) -> IpAddress | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    if not re.fullmatch(r"[0-9a-fA-FxX.]+", host):
        return None
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def resolve_checked(
    host: str, port: int, policy: AddressPolicy, deadline: Deadline
) -> list[IpAddress]:
    """Return every address of `host`, in the resolver's order, all of them allowed.

    One forbidden address refuses them all: otherwise whoever controls the DNS name decides which
    one is used. Raises NameNotResolved, AddressForbidden, TimedOut.
    """
    addresses = [ipaddress.ip_address(text) for text in _looked_up(host, port, deadline)]
    for address in addresses:
        reason = why_forbidden(address, policy)
        if reason:
            raise AddressForbidden(reason)
    return addresses


def lookup(host: str, port: int) -> list[str]:
    """Return the system's answer for `host`: IP addresses without duplicates. Can block for long."""
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))


def _looked_up(host: str, port: int, deadline: Deadline) -> list[str]:
    literal = _literal(host)
    if literal is not None:
        return [str(literal)]
    # getaddrinfo has no timeout, so a separate thread waits for a name server that doesn't answer.
    answer: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answer.put(lookup(host, port))
        except Exception as error:
            answer.put(error)

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    try:
        result = answer.get(timeout=deadline.remaining())
    except queue.Empty:
        raise TimedOut(f"The DNS lookup of {printable(host)} took too long.") from None
    if isinstance(result, (OSError, UnicodeError)):
        raise NameNotResolved(
            f"The host name {printable(host)} doesn't resolve to an address."
        ) from result
    if isinstance(result, Exception):
        raise NameNotResolved(f"The DNS lookup of {printable(host)} failed.") from result
    if not result:
        raise NameNotResolved(f"The host name {printable(host)} doesn't resolve to an address.")
    # A scope id ("fe80::1%eth0") comes only with a link-local address, which is refused anyway.
    return [text.partition("%")[0] for text in result]


def open_connection(
    host: str, port: int, policy: AddressPolicy, deadline: Deadline, connect_timeout: float
) -> socket.socket:
    """Open a TCP connection to the first allowed address that answers.

    `connect_timeout`, in seconds, covers all addresses together. Raises NameNotResolved,
    AddressForbidden, ConnectionRefused, Unreachable, TimedOut.
    """
    addresses = resolve_checked(host, port, policy, deadline)
    ends = min(time.monotonic() + connect_timeout, deadline.ends)
    last: OSError | None = None
    for position, address in enumerate(addresses):
        left = ends - time.monotonic()
        if left <= 0:
            break
        share = left / (len(addresses) - position)
        try:
            connection = socket.create_connection((str(address), port), timeout=share)
        except OSError as error:
            last = error
            continue
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection
    where = f"{printable(host)} port {port}"
    if isinstance(last, ConnectionRefusedError):
        raise ConnectionRefused(f"Nothing listens on {where}.") from last
    if last is None or isinstance(last, TimeoutError):
        raise TimedOut(f"Connecting to {where} took too long.") from last
    raise Unreachable(f"{where} can't be reached ({last.strerror or 'no route'}).") from last
