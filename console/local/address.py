"""The address where the console listens when bin/up starts it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from console.local.servers.ports import given_port, is_free
from console.local.trouble import Trouble

DEFAULT_PORT = 8000
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Address:
    """Where the console listens, and the URL that people open."""

    host: str
    port: int
    url: str
    allowed_hosts: str

    @property
    def local_url(self) -> str:
        """The URL for the readiness check from this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def read_address() -> Address:
    """Read CONSOLE_HOST, CONSOLE_PORT, CONSOLE_URL and CONSOLE_ALLOWED_HOSTS. Raises Trouble."""
    host = os.environ.get("CONSOLE_HOST", "").strip().strip("[]") or "127.0.0.1"
    port = given_port("CONSOLE_PORT", DEFAULT_PORT) or DEFAULT_PORT
    hosts = os.environ.get("CONSOLE_ALLOWED_HOSTS", "").strip()
    if host not in LOOPBACK and not hosts:
        raise Trouble(
            f"CONSOLE_HOST={host} opens the console to other machines. Set the names "
            "they use for it, for example "
            "CONSOLE_ALLOWED_HOSTS=warren.example.com,192.0.2.10"
        )
    if not is_free(port, host):
        raise Trouble(
            f"Port {port} on {host} is in use by another program, or {host} isn't an "
            "address of this machine. Stop that program, or choose another port: "
            f"CONSOLE_PORT={port + 1} bin/up"
        )
    first = hosts.split(",")[0].strip() if host not in LOOPBACK else host
    shown = f"[{first}]" if ":" in first else first
    url = os.environ.get("CONSOLE_URL", "").strip().rstrip("/") or f"http://{shown}:{port}"
    own = [*LOOPBACK[:2], "[::1]", urlsplit(url).hostname or ""]
    allowed = [*(part.strip() for part in hosts.split(",")), *own]
    return Address(host, port, url, ",".join(dict.fromkeys(filter(None, allowed))))
