"""What every poll asks of a broker first: its overview, nodes and alarms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from console.rabbitmq.errors import BrokerError, LoginRefused
from console.rabbitmq.management.client import ManagementClient
from console.rabbitmq.types import Listing, Node, Overview

Part = TypeVar("Part")


@dataclass(frozen=True)
class Vitals:
    """`nodes` and `alarms` are None where only that part failed; `errors` then says why."""

    overview: Overview
    nodes: Listing[Node] | None
    alarms: list[str] | None
    errors: dict[str, str] = field(default_factory=dict)


def read_vitals(client: ManagementClient) -> Vitals:
    """Raises BrokerError where the overview cannot be read: then nothing is known."""
    overview = client.overview()
    errors: dict[str, str] = {}
    nodes = _part(errors, "nodes", client.nodes)
    alarms = _part(errors, "alarms", client.alarms)
    return Vitals(overview, nodes, alarms, errors)


def _part(errors: dict[str, str], name: str, read: Callable[[], Part]) -> Part | None:
    try:
        return read()
    except LoginRefused:
        raise
    except BrokerError as error:
        errors[name] = sentence(error)
        return None


def sentence(error: BrokerError) -> str:
    """What happened, for a person."""
    return error.detail or error.summary
