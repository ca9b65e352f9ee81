"""Typed readers of the environment. Every setting is read once, and raises if it is wrong.

`X_FILE=/run/secrets/x` can replace any `X` (Docker and Kubernetes secrets).
"""

from __future__ import annotations

import ipaddress
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

env = environ.FileAwareEnv()

#: In CONSOLE_TRUSTED_PROXIES: every peer on the Unix socket, which has no address.
UNIX = "unix"
#: The key where Django looks for the scheme (SECURE_PROXY_SSL_HEADER). No header becomes a key
#: without HTTP_, so no client can set it.
SCHEME_KEY = "CONSOLE_SCHEME"


def env_str(name: str, default: str = "") -> str:
    return str(env.str(name, default=default)).strip()


def env_bool(name: str, default: bool) -> bool:
    text = env_str(name)
    if not text:
        return default
    if text.lower() in {"1", "true", "yes", "on"}:
        return True
    if text.lower() in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name} must be true or false, not {text!r}.")


def env_int(name: str, default: int, *, least: int = 0, most: int = 2**31 - 1) -> int:
    text = env_str(name)
    if not text:
        return default
    try:
        value = int(text)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {text!r}.") from None
    if not least <= value <= most:
        raise ImproperlyConfigured(f"{name} must be between {least} and {most}, not {value}.")
    return value


def env_list(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in env_str(name, default).split(",") if part.strip()]


def env_path(name: str, default: Path) -> Path:
    text = env_str(name)
    return Path(text).expanduser().resolve() if text else default


def env_proxies(name: str) -> list[str]:
    """Return IP networks in normalized form, and `unix`. Host names aren't accepted: others control
    what they resolve to. Raises ImproperlyConfigured."""
    found = []
    for text in env_list(name):
        try:
            found.append(UNIX if text == UNIX else str(ipaddress.ip_network(text)))
        except ValueError:
            raise ImproperlyConfigured(
                f"{name} must list IP addresses, networks such as 10.0.0.0/24, or {UNIX}; "
                f"{text[:60]!r} is none."
            ) from None
    return found


def refuse_gone(name: str, advice: str) -> None:
    """Raises ImproperlyConfigured if a removed setting is still turned on."""
    if env_bool(name, False):
        raise ImproperlyConfigured(f"{name} no longer exists. {advice}")
