"""Read what every poll reads first: the broker's overview, nodes and alarms."""

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
    """`nodes` and `alarms` are None if only that part failed; `errors` then says why."""

    overview: Overview
    nodes: Listing[Node] | None
    alarms: list[str] | None
    errors: dict[str, str] = field(default_factory=dict)


def read_vitals(client: ManagementClient, overview: Overview) -> Vitals:
    """Read nodes and alarms for the overview that was just read. Raises LoginRefused."""
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
    """Return what happened, as a sentence for people."""
    return error.detail or error.summary
