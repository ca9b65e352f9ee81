"""Read the links of federation with the inventory.

They are from the plugin rabbitmq_federation_management. Without it they are unknown, not absent.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import transaction

from console.models import Broker, BrokerStatus
from console.rabbitmq.errors import BrokerError, LoginRefused
from console.rabbitmq.management.answers import rows_of
from console.rabbitmq.management.client import ManagementClient
from console.rabbitmq.management.objects import ObjectStore
from vhosts.federation.model import FederationLink
from vhosts.polling.inventory.mirror import Kind, lay_over
from vhosts.polling.inventory.quarantine import why_unfit
from vhosts.shovels.states import said, why_unread

PLUGIN = "rabbitmq_federation_management"
#: The part's name in `BrokerStatus.part_errors`.
LINKS = "federation_links"
_KEYS = ("vhost", "node", "link")
_VALUES = ("of", "name", "upstream", "upstream_name", "state", "error", "uri")
_TABLE = Kind(
    name=LINKS,
    table=FederationLink._meta.db_table,
    keys=_KEYS,
    values=dict.fromkeys(_VALUES, "text"),
    touched="changed_at",
    vhost_at=0,
)
_MOST_STATE, _MOST_NAME, _MOST_TEXT = 40, 1000, 500


def take_links(
    broker: Broker,
    client: ManagementClient,
    hold: Callable[[], object],
    now: datetime,
    errors: dict[str, str],
) -> None:
    """Store the broker's links. `errors` gets why they are unknown; the rows then go, because an
    old state must not look current. `hold` verifies the inventory's claim within the transaction
    that writes. Raises LoginRefused."""
    try:
        listed = rows_of(ObjectStore(client.http).get("federation-links"))
    except LoginRefused:
        raise
    except BrokerError as error:
        listed, errors[LINKS] = [], why_unread(error, PLUGIN)
    rows = {row[: len(_KEYS)]: row for row in map(_row, listed) if row is not None}
    with transaction.atomic():
        hold()
        lay_over(_TABLE, broker.pk, rows.values(), now=now, complete=True, confirmed=True)
        status = BrokerStatus.objects.get(broker=broker)
        BrokerStatus.objects.filter(broker=broker).update(
            parts_at={**status.parts_at, LINKS: now.isoformat()}
        )


def _row(link: dict[str, Any]) -> tuple[str, ...] | None:
    of = "queue" if "queue" in link else "exchange"
    names = [link.get(part) for part in ("vhost", "node", "id", of)]
    told = [name for name in names if isinstance(name, str)]
    if len(told) < len(names) or why_unfit(*told):
        return None
    *key, name = told
    return (
        *key,
        of,
        name,
        said(link.get("upstream"), _MOST_NAME),
        said(link.get(f"upstream_{of}"), _MOST_NAME),
        said(link.get("status"), _MOST_STATE),
        said(link.get("error"), _MOST_TEXT),
        said(link.get("uri"), _MOST_TEXT),
    )
