"""Bindings that fall with a replaced queue or exchange, and are created again by the same change."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Count, Q

from accessctl.authorize import AnyUser, require
from accessctl.rights import Permission
from console.engine.proposal import DesiredObject
from console.errors import InvalidField
from console.faces.pages.words import listed
from console.kinds.binding import BINDING
from console.kinds.common.kind import Key, Ref
from console.models import Broker, ManagedObject
from vhosts.models import Binding, Exchange

#: Most bindings that one change creates again.
MOST = 1000


def carried(
    broker: Broker, vhost: str, which: Q, user: AnyUser, *, field: str, own: str = ""
) -> list[DesiredObject]:
    """Return the desired objects of the bindings `which`, as last seen. `field` is named in errors;
    `own` is the replaced exchange, "" for a queue. Raises NotAllowed, and InvalidField if they are
    unknown, too many, or if an auto-delete exchange would be deleted with the last of them."""
    if sentence := broker.status.why_unknown("bindings"):
        raise InvalidField(
            field, f"Its bindings are unknown, so they can't be created again. {sentence}"
        )
    rows = Binding.objects.filter(which, broker=broker, vhost=vhost)
    keys: list[Key] = [tuple(one) for one in rows.values_list(*BINDING.identity)[: MOST + 1]]
    if len(keys) > MOST:
        raise InvalidField(
            field,
            f"It has more than {MOST:,} bindings, which one change can't create again. Declare a new "
            "object, move its bindings there, then delete this one.",
        )
    if not keys:
        return []
    require(user, Permission.BINDINGS_EDIT, broker, vhost)
    if names := _emptied(broker, vhost, keys, own):
        raise InvalidField(
            field,
            f"RabbitMQ would also delete {listed(names)}: an auto-delete exchange goes with its last "
            "binding. Bind it to something else first.",
        )
    managed = ManagedObject.objects.with_keys(keys).filter(broker=broker, kind=BINDING.name)
    generations = {tuple(key): number for key, number in managed.values_list("key", "generation")}
    return [
        DesiredObject(
            broker=broker,
            ref=Ref(BINDING.name, key),
            spec={},
            # It is gone once what it hangs on is deleted.
            observed=None,
            permission=Permission.BINDINGS_EDIT,
            expected_generation=generations.get(key, 0),
        )
        for key in keys
    ]


def _emptied(broker: Broker, vhost: str, keys: Sequence[Key], own: str) -> list[str]:
    """Return the auto-delete exchanges that have no bindings but these."""
    here = {"broker": broker, "vhost": vhost}
    falling: dict[str, int] = {}
    for key in keys:
        falling[key[1]] = falling.get(key[1], 0) + 1
    automatic = Exchange.objects.filter(**here, auto_delete=True, name__in=falling)
    names = set(automatic.exclude(name=own).values_list("name", flat=True))
    counts = Binding.objects.filter(**here, source__in=names).order_by().values_list("source")
    return sorted(
        name for name, number in counts.annotate(n=Count("pk")) if number == falling[name]
    )
