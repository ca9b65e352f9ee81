"""A broker's settings as a person enters them, and their checks."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from django.core.exceptions import ValidationError

from console.brokers.connect import address_policy, stored_client_key
from console.errors import InvalidField
from console.models import Broker
from console.rabbitmq.endpoint import Secret, Tls
from console.rabbitmq.errors import AddressForbidden, TlsFailed
from console.rabbitmq.network.addresses import (
    BadAddress,
    ParsedUrl,
    check_host,
    check_literal,
    parse_amqp_url,
    parse_management_url,
)
from console.rabbitmq.network.tls import tls_context

#: Settings that are stored encrypted and never shown.
SECRETS = ("password", "tls_client_key")
#: Unicode categories of characters that are invisible, or that change how others look.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
#: Most characters of a certificate with its chain, or of a key.
LARGEST_PEM = 200_000
#: Most management URLs of one cluster.
MOST_URLS = 16
_AMQP_ADDRESS = (
    "This is an AMQP address. Enter the management API's URL, usually http:// with port 15672 or https:// "
    "with port 15671."
)
#: By address: ports of the other protocol, and what to say. People often copy the address they
#: know.
_OTHER_PROTOCOL: dict[str, tuple[set[int], str]] = {
    "management_url": (
        {5671, 5672},
        "Port {port} is RabbitMQ's AMQP port. The management API usually listens on 15672, or 15671 with TLS.",
    ),
    "amqp_url": (
        {15671, 15672},
        "Port {port} is the management API's port. RabbitMQ usually listens for AMQP on 5672, or 5671 with TLS.",
    ),
}
#: If any of these changes, the password may go to another server.
_IDENTITY = ("amqp_url", "tls_verify", "tls_ca_pem", "tls_server_name")


@dataclass(frozen=True, kw_only=True)
class BrokerSettings:
    """A broker's settings as entered. `password` and `tls_client_key` None keep the stored ones;
    without a client certificate, no key is stored."""

    name: str
    environment: str
    management_url: str
    #: One per line.
    other_urls: str = ""
    amqp_url: str = ""
    username: str
    password: Secret | None = field(default=None, repr=False)
    tls_verify: bool = True
    tls_ca_pem: str = ""
    tls_server_name: str = ""
    tls_client_certificate: str = ""
    tls_client_key: Secret | None = field(default=None, repr=False)
    enabled: bool = True
    poll_interval_s: int = 10

    def columns(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in SECRETS}

    @classmethod
    def of(cls, broker: Broker) -> BrokerSettings:
        """Return the stored settings without secrets. An edit with them changes nothing."""
        return cls(
            **{f.name: getattr(broker, f.name) for f in fields(cls) if f.name not in SECRETS}
        )


def check_key_is_there(settings: BrokerSettings, broker: Broker | None) -> None:
    """Check that a client certificate and its key exist together, in the settings or stored.
    `broker` None: a new one. Raises InvalidField."""
    if settings.tls_client_key and not settings.tls_client_certificate:
        raise InvalidField(
            "tls_client_certificate", "Enter the certificate that the client key belongs to."
        )
    if settings.tls_client_certificate and not settings.tls_client_key:
        if broker is None or not broker.has_tls_client_key:
            raise InvalidField("tls_client_key", "Enter the key of the client certificate.")
        if settings.tls_client_certificate != broker.tls_client_certificate:
            check_client_key(settings.tls_client_certificate, stored_client_key(broker))


def check_client_key(certificate: str, key: Secret | None) -> None:
    """Raises InvalidField unless the certificate and key can be presented to a broker together."""
    try:
        tls_context(Tls(client_pem=certificate, client_key=key))
    except TlsFailed as error:
        raise InvalidField("tls_client_certificate", error.detail) from None


def checked_columns(settings: BrokerSettings) -> dict[str, Any]:
    """Return the columns as they are stored, with normalized addresses. Raises InvalidField."""
    columns = settings.columns()
    for name, value in columns.items():
        if isinstance(value, str):
            must_be_storable(name, value)
    if settings.password:
        must_be_storable("password", settings.password.reveal())
    if not settings.name.strip():
        raise InvalidField("name", "Enter a name for the broker.")
    columns["management_url"] = _checked_address(
        "management_url", settings.management_url, parse_management_url
    )
    columns["other_urls"] = _checked_others(settings.other_urls, columns["management_url"])
    if settings.amqp_url:
        columns["amqp_url"] = _checked_address("amqp_url", settings.amqp_url, parse_amqp_url)
    if not settings.username:
        raise InvalidField("username", "Enter the username of the broker's user.")
    if ":" in settings.username:
        raise InvalidField(
            "username", "A username with a colon can't sign in over HTTP. Use another user."
        )
    if len(settings.username.encode()) > 255:
        raise InvalidField("username", "A username has at most 255 bytes.")
    for name in ("name", "username", "tls_server_name"):
        if _HIDDEN & {unicodedata.category(character) for character in columns[name]}:
            raise InvalidField(name, "Leave out control characters and invisible ones.")
    if settings.tls_server_name:
        try:
            check_host(settings.tls_server_name)
        except BadAddress as error:
            raise InvalidField("tls_server_name", str(error)) from None
    if settings.tls_ca_pem:
        try:
            tls_context(Tls(ca_pem=settings.tls_ca_pem))
        except TlsFailed as error:
            raise InvalidField("tls_ca_pem", str(error)) from None
    if settings.tls_client_key:
        must_be_storable("tls_client_key", settings.tls_client_key.reveal())
        if len(settings.tls_client_key.reveal()) > LARGEST_PEM:
            raise InvalidField("tls_client_key", "The key is longer than 200,000 characters.")
    if settings.tls_client_certificate and settings.tls_client_key:
        check_client_key(settings.tls_client_certificate, settings.tls_client_key)
    if len(settings.tls_client_certificate) > LARGEST_PEM:
        raise InvalidField(
            "tls_client_certificate", "The certificate is longer than 200,000 characters."
        )
    try:
        Broker(**columns).clean_fields(exclude=["password_encrypted", "tls_client_key_encrypted"])
    except ValidationError as error:
        field_name, messages = next(iter(error.message_dict.items()))
        raise InvalidField(field_name, messages[0]) from None
    return columns


def must_be_storable(name: str, text: str) -> None:
    """Raises InvalidField for text that Postgres and brokers refuse: NUL and lone surrogates."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidField(name, "The text holds characters that can't be stored.")


def _checked_others(text: str, first: str) -> str:
    """Return the other management URLs, one per line, each once and without the first one. Raises
    InvalidField."""
    urls: dict[str, None] = {}
    for number, line in enumerate(filter(str.strip, text.splitlines()), 1):
        try:
            urls[_checked_address("management_url", line.strip(), parse_management_url)] = None
        except InvalidField as error:
            raise InvalidField("other_urls", f"URL {number}: {error.message}") from None
    urls.pop(first, None)
    if len(urls) >= MOST_URLS:
        raise InvalidField("other_urls", f"A broker has at most {MOST_URLS} management URLs.")
    if any(len(url) > 500 for url in urls):
        raise InvalidField("other_urls", "A URL has at most 500 characters.")
    return "\n".join(urls)


def _checked_address(name: str, text: str, parse: Callable[[str], ParsedUrl]) -> str:
    if name == "management_url" and text.strip().lower().startswith(("amqp://", "amqps://")):
        raise InvalidField(name, _AMQP_ADDRESS)
    try:
        url = parse(text)
        ports, sentence = _OTHER_PROTOCOL[name]
        if url.port in ports:
            raise InvalidField(name, sentence.format(port=url.port))
        # Names are checked when they resolve, at every connect. An IP address can be refused now.
        check_literal(url.host, address_policy())
    except (BadAddress, AddressForbidden) as error:
        raise InvalidField(name, str(error)) from None
    return url.text


def is_moved(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether `after` may lead to another server than `before`. If so, a stored password must not
    be sent."""
    if any(before[name] != after[name] for name in _IDENTITY):
        return True
    return not _urls(after) <= _urls(before)


def _urls(columns: Mapping[str, Any]) -> set[str]:
    """Return the management URLs, to any of which credentials go. The whole URL counts: behind a
    shared proxy, another path prefix is another tenant's server."""
    lines = [columns["management_url"], *columns["other_urls"].splitlines()]
    return {parse_management_url(line).text for line in lines}
