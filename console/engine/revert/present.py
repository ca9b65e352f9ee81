"""The present state of the objects that a revert is about, read from the broker."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from console.brokers.connect import connect
from console.engine.applying.broker_objects import BrokerObjects
from console.engine.applying.look import LISTING_FROM
from console.engine.revert.falls_with import falls_with
from console.errors import ConsoleError
from console.kinds.common.kind import Key, Ref, Spec
from console.models import Broker, PollState
from console.rabbitmq.endpoint import Timeouts
from console.rabbitmq.errors import BrokerError
from console.reconcile.disclose import told_spec

#: Per call. A person waits for the page.
TIMEOUTS = Timeouts(connect=3.0, read=10.0, total=10.0)


@dataclass(frozen=True, slots=True)
class Present:
    """The objects as read now; None: it doesn't exist. `trouble`: why the broker wasn't read; then
    `specs` is empty."""

    specs: dict[Ref, Spec | None]
    trouble: str = ""


def read_present(broker: Broker, refs: Iterable[Ref]) -> Present:
    """Read the objects, one by one or by one listing of their kind. Never raises BrokerError."""
    by_kind: dict[str, list[Key]] = {}
    for ref in refs:
        by_kind.setdefault(ref.kind, []).append(ref.key)
    if why := _why_unread(broker):
        return Present({}, why)
    found: dict[Ref, Spec | None] = {}
    try:
        with connect(broker, timeouts=TIMEOUTS) as client:
            store = BrokerObjects(client.http)
            for kind, keys in by_kind.items():
                if len(keys) < LISTING_FROM:
                    specs = {key: store.read(kind, key) for key in keys}
                else:
                    listed = store.read_all(kind)
                    specs = {key: listed.get(key) for key in keys}
                found |= {
                    Ref(kind, key): None if spec is None else told_spec(kind, spec)
                    for key, spec in specs.items()
                }
    except BrokerError as error:
        return Present({}, error.detail or error.summary)
    except ConsoleError as error:
        return Present({}, error.message)
    return Present(found)


def read_falling(broker: Broker, owners: Iterable[Ref]) -> dict[Ref, dict[Ref, Spec]]:
    """Return what would be deleted with each of these objects, as far as it can be created again.
    Empty if the broker can't be read."""
    wanted = list(owners)
    if not wanted or _why_unread(broker):
        return {}
    try:
        with connect(broker, timeouts=TIMEOUTS) as client:
            store = BrokerObjects(client.http)
            return {
                owner: dict(one for one in falls_with(store.get, owner) if not isinstance(one, str))
                for owner in wanted
            }
    except (BrokerError, ConsoleError):
        return {}


def _why_unread(broker: Broker) -> str:
    if not broker.enabled:
        return "It is disabled in the console."
    status = getattr(broker, "status", None)
    if status is not None and status.state == PollState.REFUSED:
        return "It refuses the stored username or password."
    return ""
