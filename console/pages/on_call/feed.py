"""The last changes in a scope, as far as the person may see them."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Exists, OuterRef

from accessctl.authorize import AnyUser
from accessctl.visibility.changes import changes_seen_by
from console.models import Broker, Step
from console.pages.changes.listed import ChangeRow, change_rows

_SHOWN = 5


def last_changes(
    user: AnyUser, brokers: Sequence[Broker] | None, shown: int = _SHOWN
) -> list[ChangeRow]:
    """Return the newest changes, of these brokers if there are any given. Four queries."""
    found = changes_seen_by(user)
    if brokers is not None:
        touching = Step.objects.filter(change=OuterRef("pk"), broker__in=[b.pk for b in brokers])
        found = found.filter(Exists(touching))
    return change_rows(list(found.order_by("-created_at")[:shown]), user)
