"""How applications reach a broker over AMQP, from what is registered and was last read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from console.models import Broker
from console.rabbitmq.network.addresses import BadAddress, parse_amqp_url, parse_management_url
from vhosts.messages.connecting.code.target import Server

_NO_LISTENER = (
    "The broker didn't report its AMQP listeners. Enter its AMQP address in the broker's settings."
)


@dataclass(frozen=True, slots=True)
class Way:
    """`servers` are the nodes to try, in order; empty if none is known, and `unknown` says why.
    `in_clear`: it has no TLS although the broker's management API has: no password is sent that way
    by the console. `notes` are sentences."""

    tls: bool = False
    servers: tuple[Server, ...] = ()
    in_clear: bool = False
    unknown: str = ""
    notes: tuple[str, ...] = ()


def way_to(broker: Broker) -> Way:
    """Return the AMQP address that is configured, else the listeners that the broker reported, at
    the host names of its management URLs. TLS where the broker offers it. `broker` needs its status
    loaded."""
    try:
        if broker.amqp_url:
            given = parse_amqp_url(broker.amqp_url)
            return _noted(Way(given.scheme == "amqps", (Server(given.host, given.port),)))
        hosts = [parse_management_url(url).host for url in broker.management_urls]
    except BadAddress:
        return Way(unknown="The broker's address can't be read. Edit the broker.")
    secured, plain = _ports(broker, "amqp/ssl"), _ports(broker, "amqp")
    ports = secured or plain
    if not ports:
        return Way(unknown=_NO_LISTENER)
    names = dict.fromkeys(hosts)
    servers = tuple(Server(host, _port_of(host, ports)) for host in names)
    in_clear = not secured and broker.management_url.startswith("https:")
    notes = []
    if len(set(ports.values())) > 1:
        notes.append("The nodes listen on different ports. Check the port of each host.")
    if secured and plain:
        listed = ", ".join(str(port) for port in sorted(set(plain.values())))
        notes.append(f"The broker also listens without TLS, on port {listed}.")
    return _noted(Way(bool(secured), servers, in_clear, notes=tuple(notes)))


def _ports(broker: Broker, protocol: str) -> Mapping[str, int]:
    """Ports by node."""
    found: dict[str, int] = {}
    for one in broker.status.listeners:
        row: Mapping[str, Any] = one if isinstance(one, dict) else {}
        port = row.get("port")
        if row.get("protocol") == protocol and isinstance(port, int):
            found.setdefault(str(row.get("node", "")), port)
    return found


def _port_of(host: str, ports: Mapping[str, int]) -> int:
    """The port of the node on this host (rabbit@n1 on n1 or n1.example); else the lowest one."""
    for node, port in ports.items():
        name = node.partition("@")[2]
        if name and (host == name or host.partition(".")[0] == name.partition(".")[0]):
            return port
    return min(ports.values())


def _noted(way: Way) -> Way:
    notes = list(way.notes)
    if not way.tls:
        notes.append(
            "No TLS: the password and all messages travel unencrypted. Use it only in a network you control."
        )
    if all(one.host in ("localhost", "::1") or one.host.startswith("127.") for one in way.servers):
        notes.append("This address works only on the machine of the broker and the console.")
    return Way(way.tls, way.servers, way.in_clear, way.unknown, tuple(notes))
