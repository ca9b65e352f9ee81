"""Write a change's read-back to the mirror at once.

Pages and the API show it before the next inventory, which confirms it. A running inventory may
have a listing from before the change. So it ignores the objects that were read back since it began
(`read_back_since`). Both lock the broker's status row while they write, and the change requests
another inventory.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import structlog
from django.db import DataError, transaction

from console.engine.ports import Origin
from console.faces.face import FACES, Face
from console.kinds.common.kind import Key, Spec
from console.models import Broker, BrokerStatus, ManagedObject
from vhosts.polling.inventory.gone import drop_gone
from vhosts.polling.inventory.mirror import lay_over
from vhosts.polling.inventory.parts import row_of, table_of
from vhosts.polling.inventory.quarantine import why_unfit

log = structlog.get_logger(__name__)


def note_read_back(
    broker_id: int,
    kind: str,
    seen: Mapping[Key, Spec | None],
    *,
    now: datetime,
    origins: Mapping[Key, Origin],
) -> None:
    """Store a read-back. See console.engine.ports.Observer. Kinds that only inventories mirror:
    only deletions are stored."""
    gone = [key for key, spec in seen.items() if spec is None]
    face = FACES.get(kind)
    laid = face if face is not None and face.mirror.read_back else None
    if laid is None and not gone:
        return
    BrokerStatus.objects.select_for_update().filter(broker=broker_id).first()
    if laid is not None:
        _lay(laid, broker_id, seen, now)
    if gone:
        drop_gone(broker_id, kind, gone, now)
    if laid is not None:
        laid.mirror.note(broker_id, seen, origins)


def _lay(face: Face, broker_id: int, seen: Mapping[Key, Spec | None], now: datetime) -> None:
    table = table_of(face.name, told_by_spec=True)
    rows = [row_of(face, key, spec) for key, spec in seen.items() if spec is not None]
    sound = [row for row in rows if why_unfit(*row[: len(table.keys)]) is None]
    try:
        if sound:
            with transaction.atomic():
                lay_over(table, broker_id, sound, now=now, complete=False, confirmed=False)
    except DataError:
        # The broker may have added anything to the object; that must not undo the change's result.
        log.warning("read_back_unstorable", broker_id=broker_id, kind=face.name, exc_info=True)


def read_back_since(broker: Broker, kind: str, began: datetime) -> list[Key]:
    """Return the keys of a kind's objects that a change read back after `began`."""
    newer = ManagedObject.objects.filter(broker=broker, kind=kind, verified_at__gt=began)
    return [tuple(key) for key in newer.values_list("key", flat=True)]
