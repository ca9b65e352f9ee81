"""List objects on the brokers that are unmanaged: left alone until a person adopts them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db.models import Exists, Func, OuterRef, QuerySet, TextField

from accessctl.authorize import AnyUser
from accessctl.users.model import SeenOnBroker
from console.engine.proposal import DesiredObject
from console.errors import InvalidField
from console.faces.seen import model_of, seen_kinds
from console.kinds.common.kind import Key
from console.kinds.registry import KINDS
from console.models import ManagedObject
from vhosts.drift.resolve import MOST_AT_ONCE, adopt


def unmanaged(kind: str, user: AnyUser) -> QuerySet[Any]:
    """Return the unmanaged objects of a kind (one of `seen_kinds`) that the user may see, as last
    seen. They were never managed here, or were deleted here since. Raises InvalidField."""
    if kind not in seen_kinds():
        raise InvalidField("kind", f"kind must be one of {', '.join(seen_kinds())}.")
    names = [OuterRef(name) for name in KINDS[kind].identity]
    key = Func(*names, template="ARRAY[%(expressions)s]", output_field=ArrayField(TextField()))
    asked_for = ManagedObject.objects.filter(
        broker=OuterRef("broker"), kind=kind, key=key, spec__isnull=False
    )
    found: QuerySet[Any] = model_of(kind).objects.visible_to(user).filter(~Exists(asked_for))
    return found


def key_of(kind: str, row: SeenOnBroker) -> Key:
    return tuple(getattr(row, name) for name in KINDS[kind].identity)


def adopt_seen(
    kind: str, rows: Iterable[SeenOnBroker], *, acting_user: AnyUser
) -> list[DesiredObject]:
    """Like `adopt`, for rows of `unmanaged`, also of several brokers. Raises NotAllowed,
    InvalidField."""
    chosen = sorted(rows, key=lambda row: (row.broker_id, row.pk))
    if not chosen:
        raise InvalidField("ids", "Select at least one object.")
    if len(chosen) > MOST_AT_ONCE:
        raise InvalidField("ids", f"The limit is {MOST_AT_ONCE} objects.")
    desired_objects: list[DesiredObject] = []
    for _, group in groupby(chosen, key=lambda row: row.broker_id):
        of_broker = list(group)
        keys = [key_of(kind, row) for row in of_broker]
        desired_objects += adopt(of_broker[0].broker, kind, keys, acting_user=acting_user)
    return desired_objects
