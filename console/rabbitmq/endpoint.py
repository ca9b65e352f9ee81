"""Where a broker is and how to connect to it, as values that never show a secret."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

MEGABYTE = 1_000_000


class Secret:
    """A string that prints as stars. Only `reveal()` returns its value."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "Secret('********')"

    def __str__(self) -> str:
        return "********"

    def __format__(self, spec: str) -> str:
        return "********"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("A Secret must not be pickled.")


@dataclass(frozen=True, slots=True)
class Credentials:
    username: str
    password: Secret


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Timeouts in seconds. `total` bounds the whole exchange, however slowly bytes arrive."""

    connect: float = 5.0
    read: float = 10.0
    total: float = 30.0


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that is accepted from a broker. More raises AnswerTooLarge."""

    body_bytes: int = 128 * MEGABYTE
    rows: int = 500_000
    json_depth: int = 64


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS settings. With `verify` off, every page that shows the broker warns about it.

    `ca_pem` replaces the system's trust store. `client_pem` is the console's client certificate
    with its chain, and `client_key` its key in PEM; with an empty `client_pem` the console sends no
    certificate.
    """

    verify: bool = True
    ca_pem: str = ""
    server_name: str = ""
    client_pem: str = ""
    client_key: Secret | None = None


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Which resolved addresses the console may connect to. Checked at every connect, after DNS.

    Link-local and cloud metadata addresses are never allowed. Loopback and private ranges are
    allowed only if a setting says so, as `bin/up` does.
    """

    allow_loopback: bool = False
    allow_private: bool = True
    extra_networks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A management API. `url` is scheme://host[:port][/prefix], without credentials."""

    url: str
    credentials: Credentials
    tls: Tls = field(default_factory=Tls)
    timeouts: Timeouts = field(default_factory=Timeouts)
    limits: Limits = field(default_factory=Limits)
    policy: AddressPolicy = field(default_factory=AddressPolicy)


@dataclass(frozen=True, slots=True)
class AmqpEndpoint:
    """An AMQP 0-9-1 listener. `scheme` is amqp or amqps."""

    scheme: Literal["amqp", "amqps"]
    host: str
    port: int
    credentials: Credentials
    vhost: str = "/"
    tls: Tls = field(default_factory=Tls)
    timeouts: Timeouts = field(default_factory=Timeouts)
    policy: AddressPolicy = field(default_factory=AddressPolicy)
