"""What an application needs to connect as a RabbitMQ user to a virtual host."""

from __future__ import annotations

from dataclasses import dataclass

from accessctl.authorize import AnyUser, may
from accessctl.models import BrokerUser
from accessctl.rights import Permission
from console.errors import InvalidField
from console.models import Broker
from vhosts.messages.connecting.access import Access, access_of
from vhosts.messages.connecting.code.clients import CLIENTS, Snippet, snippet
from vhosts.messages.connecting.code.target import Target
from vhosts.messages.connecting.way import Way, way_to
from vhosts.models import VirtualHost


@dataclass(frozen=True, slots=True)
class Connection:
    """`target` is None while no address is known; `way.unknown` says why. `notes` are sentences."""

    broker: Broker
    user: BrokerUser
    vhost: VirtualHost
    way: Way
    access: Access
    target: Target | None
    notes: tuple[str, ...]

    def snippet(self, client: str) -> Snippet | None:
        """Return the code for one of CLIENTS; None while no address is known. Raises InvalidField."""
        if client not in CLIENTS:
            raise InvalidField("client", f"The client must be one of {', '.join(CLIENTS)}.")
        return snippet(client, self.target) if self.target else None

    def snippets(self) -> list[Snippet]:
        return [snippet(client, self.target) for client in CLIENTS] if self.target else []


def connection_for(*, broker: Broker, user: str, vhost: str, viewer: AnyUser) -> Connection:
    """Return how the user connects. `broker` is one that the viewer can see, with its status loaded.

    Raises InvalidField. What the viewer may not see is not found.
    """
    users = BrokerUser.objects.visible_to(viewer).filter(broker=broker, name=user)
    found_user = users.select_related("broker__status").first()
    if found_user is None:
        raise InvalidField("user", "No such user was found on this broker.")
    vhosts = VirtualHost.objects.visible_to(viewer).filter(broker=broker, name=vhost)
    found_vhost = vhosts.select_related("broker__status").first()
    if found_vhost is None or not may(viewer, Permission.VHOSTS_VIEW, broker, vhost):
        raise InvalidField("vhost", "No such virtual host was found on this broker.")
    way, access = way_to(broker), access_of(found_user, vhost, viewer)
    target = _target(broker, found_user, vhost, way, access) if way.servers else None
    return Connection(
        broker, found_user, found_vhost, way, access, target, tuple(_notes(broker, found_user, way))
    )


def _target(broker: Broker, user: BrokerUser, vhost: str, way: Way, access: Access) -> Target:
    return Target(
        servers=way.servers,
        tls=way.tls,
        user=user.name,
        vhost=vhost,
        server_name=broker.tls_server_name if way.tls else "",
        ca_file=way.tls and bool(broker.tls_ca_pem.strip()),
        client_certificate=way.tls and bool(broker.tls_client_certificate),
        round_trip=access.round_trip,
    )


def _notes(broker: Broker, user: BrokerUser, way: Way) -> list[str]:
    notes = [*way.notes]
    if user.has_password is False:
        notes.append("This user has no password, so it can't sign in with one. Set one first.")
    if user.name == "guest":
        notes.append(
            "RabbitMQ lets guest in from its own machine only, unless its configuration says otherwise. "
            "Create another user for applications."
        )
    if way.tls and broker.tls_client_certificate:
        notes.append(
            "The console uses a client certificate with this broker. Your application needs one of its own."
        )
    if way.tls and not broker.tls_verify:
        notes.append(
            "The console doesn't verify this broker's certificate; the code does. It needs the CA file "
            "if the certificate is signed by your own authority."
        )
    return notes
