"""Read from the broker what the page of its cluster shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from console.brokers.fresh import Reading, read_fresh
from console.models import Broker
from console.rabbitmq.errors import AccessRefused, BrokerError, LoginRefused, NotFound
from console.rabbitmq.management.answers import rows_of
from console.rabbitmq.management.client import ManagementClient
from console.rabbitmq.management.objects import ObjectStore
from console.rabbitmq.text import printable

_MOST_ROWS = 500


@dataclass(frozen=True, slots=True)
class Flag:
    """A feature flag. `state` is enabled, disabled, state_changing or unavailable."""

    name: str
    state: str
    stability: str
    about: str
    provided_by: str
    doc_url: str = ""

    @property
    def can_be_enabled(self) -> bool:
        return self.state == "disabled"


@dataclass(frozen=True, slots=True)
class Deprecated:
    """A deprecated feature that the broker uses, and until when it is offered."""

    name: str
    phase: str
    about: str
    provided_by: str
    doc_url: str = ""


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """None: unknown, for the reason in `why`, by the field's name."""

    name: str | None = None
    flags: list[Flag] | None = None
    deprecated: list[Deprecated] | None = None
    why: dict[str, str] = field(default_factory=dict)

    @property
    def off(self) -> list[Flag]:
        """The stable feature flags that can be enabled. Later versions of RabbitMQ require them."""
        return [one for one in self.flags or [] if one.can_be_enabled and one.stability == "stable"]


def read_cluster(broker: Broker, *, now: datetime) -> Reading[ClusterFacts]:
    """Return a recent shared reading; trouble is part of it."""
    return read_fresh("cluster", broker, _read, now=now, missing="The broker has no cluster name.")


def _read(client: ManagementClient) -> ClusterFacts:
    store, why = ObjectStore(client.http), dict[str, str]()
    name = store.get("cluster-name").get("name")
    flags = _rows(store, why, "flags", "feature-flags")
    used = _rows(store, why, "deprecated", "deprecated-features", "used")
    return ClusterFacts(
        name=name if isinstance(name, str) else None,
        flags=None if flags is None else sorted(map(_flag, flags), key=lambda one: one.name),
        deprecated=None if used is None else [_deprecated(row) for row in used],
        why=why,
    )


def _rows(
    store: ObjectStore, why: dict[str, str], part: str, *segments: str
) -> list[dict[str, Any]] | None:
    try:
        return rows_of(store.get(*segments))[:_MOST_ROWS]
    except LoginRefused:
        raise
    except NotFound:
        why[part] = "This version of RabbitMQ doesn't report them."
    except AccessRefused:
        why[part] = "RabbitMQ reports them only to users with the tag administrator."
    except BrokerError as error:
        why[part] = error.detail or error.summary
    return None


def _flag(row: dict[str, Any]) -> Flag:
    return Flag(
        name=_text(row, "name"),
        state=_text(row, "state"),
        stability=_text(row, "stability"),
        about=_text(row, "desc"),
        provided_by=_text(row, "provided_by"),
        doc_url=_url(row),
    )


def _deprecated(row: dict[str, Any]) -> Deprecated:
    return Deprecated(
        name=_text(row, "name"),
        phase=_text(row, "deprecation_phase"),
        about=_text(row, "desc"),
        provided_by=_text(row, "provided_by"),
        doc_url=_url(row),
    )


def _text(row: dict[str, Any], name: str) -> str:
    return printable(str(row.get(name) or ""), 500)


def _url(row: dict[str, Any]) -> str:
    url = _text(row, "doc_url")
    return url if url.startswith("https://") else ""
