"""What every poll asks of a broker first: its overview, nodes and alarms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from console.rabbitmq.errors import AccessRefused, BrokerError, LoginRefused
from console.rabbitmq.management.client import ManagementClient
from console.rabbitmq.types import Listing, Node, Overview
from vhosts.polling.rights import refused

Part = TypeVar("Part")


@dataclass(frozen=True)
class Vitals:
    """`nodes` and `alarms` are None where only that part failed; `errors` then says why."""

    overview: Overview
    nodes: Listing[Node] | None
    alarms: list[str] | None
    errors: dict[str, str] = field(default_factory=dict)


def read_vitals(client: ManagementClient, overview: Overview) -> Vitals:
    """What goes with the overview that was just read. Raises LoginRefused."""
    errors: dict[str, str] = {}
    user = client.endpoint.credentials.username
    nodes = _part(errors, "nodes", client.nodes, user)
    alarms = _part(errors, "alarms", client.alarms, user)
    return Vitals(overview, nodes, alarms, errors)


def _part(errors: dict[str, str], name: str, read: Callable[[], Part], user: str) -> Part | None:
    try:
        return read()
    except LoginRefused:
        raise
    except AccessRefused as error:
        errors[name] = refused(name, user, error)
        return None
    except BrokerError as error:
        errors[name] = sentence(error)
        return None


def sentence(error: BrokerError) -> str:
    """What happened, for a person."""
    return error.detail or error.summary
