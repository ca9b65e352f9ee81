"""System checks for misconfiguration, each with a stable ID and a hint."""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.http.request import validate_host

from console.settings.env import UNIX

#: A public network with a shorter prefix contains clients, not only proxies.
_WIDEST_PUBLIC = {4: 8, 6: 20}


@register()
def check_secret_key(**kwargs: Any) -> list[CheckMessage]:
    if len(settings.SECRET_KEY) < 32:
        return [
            Error(
                "CONSOLE_SECRET_KEY is missing or shorter than 32 characters.",
                hint="Set it to a long random string; bin/up makes one under .local/.",
                id="console.E001",
            )
        ]
    return []


@register()
def check_encryption_keys(**kwargs: Any) -> list[CheckMessage]:
    if not settings.ENCRYPTION_KEYS:
        return [
            Error(
                "CONSOLE_ENCRYPTION_KEYS is missing.",
                hint="Set it to a Fernet key (44 characters); older keys may follow after commas.",
                id="console.E002",
            )
        ]
    for number, key in enumerate(settings.ENCRYPTION_KEYS, 1):
        try:
            Fernet(key)
        except ValueError:
            return [
                Error(
                    f"Key {number} of CONSOLE_ENCRYPTION_KEYS is not a Fernet key.",
                    hint="A Fernet key is 32 random bytes in URL-safe base64: 44 characters.",
                    id="console.E003",
                )
            ]
    return []


@register()
def check_database_is_postgres(**kwargs: Any) -> list[CheckMessage]:
    if not settings.DATABASES["default"]["ENGINE"].endswith("postgresql"):
        return [
            Error(
                "DATABASE_URL must name a Postgres database.",
                hint="For example postgres://user:password@host:5432/console.",
                id="console.E004",
            )
        ]
    return []


@register()
def check_retention(**kwargs: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if not (
        settings.KEEP_SNAPSHOTS_DAYS
        <= settings.KEEP_ROLLUPS_5M_DAYS
        <= settings.KEEP_ROLLUPS_1H_DAYS
    ):
        found.append(
            Warning(
                "Coarser history is kept for a shorter time than finer history.",
                hint="Let CONSOLE_KEEP_SNAPSHOTS_DAYS <= CONSOLE_KEEP_ROLLUPS_5M_DAYS <= "
                "CONSOLE_KEEP_ROLLUPS_1H_DAYS.",
                id="console.W005",
            )
        )
    return found


@register()
def check_debug(**kwargs: Any) -> list[CheckMessage]:
    if settings.DEBUG and settings.CONSOLE_URL.startswith("https://"):
        return [
            Warning(
                "CONSOLE_DEBUG is on while the console is served over https.",
                hint="Turn CONSOLE_DEBUG off outside development: error pages would show internals.",
                id="console.W006",
            )
        ]
    return []


@register()
def check_trusted_proxies(**kwargs: Any) -> list[CheckMessage]:
    """Check that CONSOLE_TRUSTED_PROXIES names only proxies, and fits CONSOLE_URL."""
    found: list[CheckMessage] = []
    for text in settings.TRUSTED_PROXIES:
        if text == UNIX:
            continue
        network = ipaddress.ip_network(text)
        if network.prefixlen == 0:
            found.append(
                Error(
                    f"CONSOLE_TRUSTED_PROXIES trusts every address ({text}).",
                    hint="Anybody could write the address that they come from. Name the addresses "
                    "that your reverse proxies connect from.",
                    id="console.E007",
                )
            )
        elif not network.is_private and network.prefixlen < _WIDEST_PUBLIC[network.version]:
            found.append(
                Warning(
                    f"CONSOLE_TRUSTED_PROXIES trusts {text}, which holds more than proxies.",
                    hint="Whoever connects from there can write the address that they come from. "
                    "Name the addresses that your reverse proxies connect from.",
                    id="console.W008",
                )
            )
    url = urlsplit(settings.CONSOLE_URL)
    if url.scheme == "https" and not settings.TRUSTED_PROXIES:
        found.append(
            Warning(
                "CONSOLE_URL is https, and CONSOLE_TRUSTED_PROXIES names no proxy that ends it.",
                hint="Everybody would share the proxy's address: in the audit log, in limits of failed "
                "sign-ins, and for tokens bound to a network. Set CONSOLE_TRUSTED_PROXIES to the "
                "addresses that the proxy connects from, such as 127.0.0.1, or unix for a socket.",
                id="console.W009",
            )
        )
    if url.scheme == "http" and not _is_local(url.hostname or ""):
        found.append(
            Warning(
                "CONSOLE_URL is http on a host that others reach.",
                hint="Passwords and sessions cross the network in clear. Put a proxy with TLS in "
                "front and set CONSOLE_URL to its https:// address.",
                id="console.W010",
            )
        )
    return found


@register()
def check_console_url(**kwargs: Any) -> list[CheckMessage]:
    """Check CONSOLE_URL, from which the console builds all links."""
    url = urlsplit(settings.CONSOLE_URL)
    plain = url.scheme in ("http", "https") and url.hostname and not (url.path or url.query)
    if not plain or url.username is not None:
        return [
            Error(
                "CONSOLE_URL must be http(s)://host[:port], and nothing else.",
                hint="For example https://warren.example.com.",
                id="console.E011",
            )
        ]
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else str(url.hostname)
    if not validate_host(host, settings.ALLOWED_HOSTS):
        return [
            Error(
                f"CONSOLE_ALLOWED_HOSTS does not allow {host}, the host of CONSOLE_URL.",
                hint="Links that the console gives out, and single sign-on, lead there. Add it.",
                id="console.E012",
            )
        ]
    return []


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
