"""Create and remove the objects of the examples, as one change of the engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User

from accessctl.authorize import AnyUser, may
from accessctl.rights import Permission
from console.engine.accept import accept
from console.engine.proposal import DesiredObject, Proposal
from console.errors import NotThere
from console.faces.face import FACES
from console.faces.objects import proposals
from console.faces.rest.drawn.objects import planned_of
from console.kinds.common.kind import Ref
from console.kinds.registry import KINDS
from console.models import Broker, Change
from vhosts.messages.learning.objects import ARGUMENTS, BINDINGS, EXCHANGES, QUEUES
from vhosts.messages.listening.known import created_here
from vhosts.models import Exchange, Queue

#: How many exchanges and queues there are.
COUNT = len(EXCHANGES) + len(QUEUES)
_RIGHTS = (Permission.EXCHANGES_EDIT, Permission.QUEUES_EDIT, Permission.BINDINGS_EDIT)


def may_install(user: AnyUser, broker: Broker, vhost: str) -> bool:
    """Return whether the person may create and remove all of the objects."""
    return all(may(user, right, broker, vhost) for right in _RIGHTS)


def missing(broker: Broker, vhost: str) -> list[str]:
    """Return the names of exchanges and queues that aren't known to be there. Four queries."""
    there = {"broker": broker, "vhost": vhost}
    exchanges = set(Exchange.objects.filter(**there).values_list("name", flat=True))
    queues = set(Queue.objects.filter(**there, gone_at=None).values_list("name", flat=True))
    exchanges |= created_here(broker, vhost, "exchange")
    queues |= created_here(broker, vhost, "queue")
    return [name for name in EXCHANGES if name not in exchanges] + [
        name for name in QUEUES if name not in queues
    ]


def create(broker: Broker, vhost: str, *, acting_user: User, now: datetime) -> Change:
    """Create what is missing. Raises NotAllowed, InvalidField, Stale."""
    lacking = set(missing(broker, vhost))
    wanted = list(_objects(vhost))
    making = {Ref(kind, key) for kind, key, _ in wanted if key[-1] in lacking}
    desired = [
        one
        for kind, key, fields in wanted
        for one in _desired(kind, key, fields, broker, acting_user, making)
    ]
    return _accept("Create the example objects", desired, acting_user, now)


def remove(broker: Broker, vhost: str, *, acting_user: User, now: datetime) -> Change:
    """Delete the exchanges and queues that are there, with their messages and bindings. Raises
    NotAllowed, InvalidField, Stale, NotThere."""
    lacking = set(missing(broker, vhost))
    desired = [
        one
        for kind, key, _ in _objects(vhost)
        if kind != "binding" and key[-1] not in lacking
        for one in _desired(kind, key, None, broker, acting_user, set())
    ]
    if not desired:
        raise NotThere(f"None of the example objects are in {vhost}.")
    return _accept("Remove the example objects", desired, acting_user, now)


def _accept(title: str, desired: list[DesiredObject], acting_user: User, now: datetime) -> Change:
    proposal = Proposal(title=title, desired_objects=desired, origin="page")
    return accept(proposal, now=now, acting_user=acting_user)


def _objects(vhost: str) -> Iterator[tuple[str, tuple[str, ...], dict[str, Any]]]:
    """Yield (kind, key, fields) of every object, in the order of creation."""
    for name, kind in EXCHANGES.items():
        yield "exchange", (vhost, name), {"type": kind}
    for name in QUEUES:
        yield "queue", (vhost, name), {"arguments": dict(ARGUMENTS)}
    for source, queue, key, arguments in BINDINGS:
        table = json.dumps(dict(arguments), sort_keys=True)
        yield "binding", (vhost, source, "queue", queue, key, table), {}


def _desired(
    kind: str,
    key: tuple[str, ...],
    fields: dict[str, Any] | None,
    broker: Broker,
    acting_user: User,
    making: set[Ref],
) -> list[DesiredObject]:
    """Return what a plan of several objects makes of one; `fields` None deletes it."""
    face = FACES[kind]
    if fields is None and face.forced:
        # RabbitMQ keeps an exchange that has bindings, unless it is told to delete it with them.
        deleted = proposals.delete(
            face, broker=broker, key=key, acting_user=acting_user, force=True
        )
        return [deleted]
    planned = face.planned or planned_of(face)
    named = dict(zip(KINDS[kind].identity, key, strict=True))
    given = {"broker": broker, **named, **(fields or {})}
    return planned.make(given, fields is None, acting_user, making)
