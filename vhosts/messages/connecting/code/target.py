"""What code connects to."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import quote

#: The environment variable that holds the password, for all languages.
PASSWORD = "RABBITMQ_PASSWORD"  # noqa: S105 – a name, no password
#: The files that code reads, in its working directory.
CA_FILE, CERTIFICATE_FILE, KEY_FILE, STORE_FILE = (
    "ca.pem",
    "client.pem",
    "client-key.pem",
    "client.p12",
)


@dataclass(frozen=True, slots=True)
class Server:
    """An AMQP listener of a node."""

    host: str
    port: int

    @property
    def url_host(self) -> str:
        """The host as it stands in a URL: IPv6 addresses in brackets."""
        try:
            address = ipaddress.ip_address(self.host)
        except ValueError:
            return self.host
        return f"[{address}]" if address.version == 6 else self.host


@dataclass(frozen=True, slots=True)
class Target:
    """`servers` are tried in order. `server_name` is the name in the certificate if it isn't the host
    name; else "". `ca_file`: the certificate is signed by an authority of one's own.
    `round_trip`: send a message to oneself through a private queue; else connect only."""

    servers: tuple[Server, ...]
    tls: bool
    user: str
    vhost: str
    server_name: str = ""
    ca_file: bool = False
    client_certificate: bool = False
    round_trip: bool = True

    @property
    def scheme(self) -> str:
        return "amqps" if self.tls else "amqp"

    def uris(self) -> list[str]:
        """Return an AMQP URI for each server, with the word PASSWORD in place of the password."""
        user, vhost = quote(self.user, safe=""), quote(self.vhost, safe="")
        return [
            f"{self.scheme}://{user}:PASSWORD@{server.url_host}:{server.port}/{vhost}"
            for server in self.servers
        ]
