"""Changes that wait or failed, and objects that differ from their desired state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from django.db.models import (
    Case,
    CharField,
    Count,
    Exists,
    F,
    Min,
    OuterRef,
    Q,
    Value,
    When,
    Window,
)
from django.db.models.functions import RowNumber
from django.urls import reverse

from accessctl.authorize import AnyUser
from accessctl.visibility.changes import changes_seen_by, managed_seen_by
from console.faces.attention import Act, AttentionItem, Harm, Many
from console.models import Broker, ChangeState, Step, StepState, Sync
from console.rabbitmq.text import printable

#: A change that failed needs attention for this long.
_RECENT = timedelta(hours=24)
#: A change that waits for a broker for less than this isn't worth a line.
_PATIENCE = timedelta(minutes=1)
#: Most changes of one state that are named.
_NAMED = 3
_FAILED = (ChangeState.REJECTED, ChangeState.PARTLY, ChangeState.UNKNOWN)
#: By condition: harm; what one does, and what many do.
_SAID = {
    "asking": (Harm.WILL_BREAK, "needs confirmation.", "need confirmation."),
    ChangeState.WAITING: (Harm.WILL_BREAK, "waits for a broker.", "wait for a broker."),
    ChangeState.REJECTED: (Harm.WILL_BREAK, "was rejected.", "were rejected."),
    ChangeState.PARTLY: (Harm.WILL_BREAK, "was only partly applied.", "were only partly applied."),
    ChangeState.UNKNOWN: (Harm.NOT_KNOWN, "has an unknown outcome.", "have an unknown outcome."),
}  # fmt: skip


def changes_and_drift(
    user: AnyUser, brokers: Sequence[Broker], now: datetime
) -> Iterator[AttentionItem]:
    """Yield changes and drift that the user may see. Two queries."""
    by_id = {one.pk: one for one in brokers}
    yield from _changes(user, list(by_id), now)
    yield from _drift(user, by_id)


def _changes(user: AnyUser, broker_ids: list[int], now: datetime) -> Iterator[AttentionItem]:
    steps = Step.objects.filter(change=OuterRef("pk"))
    asking = steps.filter(state=StepState.NEEDS_CONFIRMATION, generation=F("target__generation"))
    changes = (
        changes_seen_by(user)
        .filter(Exists(steps.filter(broker__in=broker_ids)))
        .annotate(
            what=Case(
                When(Exists(asking), then=Value("asking")),
                When(state=ChangeState.WAITING, created_at__lt=now - _PATIENCE, then=F("state")),
                When(state__in=_FAILED, finished_at__gt=now - _RECENT, then=F("state")),
                output_field=CharField(),
            )
        )
        .filter(
            Q(state=ChangeState.WAITING) | Exists(asking)
            | Q(state__in=_FAILED, finished_at__gt=now - _RECENT),
            what__isnull=False,
        )
        .annotate(
            number=Window(Count("pk"), partition_by=F("what")),
            at=Window(RowNumber(), partition_by=F("what"), order_by=F("created_at").desc()),
        )
        .filter(at__lte=_NAMED)
        .order_by("what", "at")
        .values("pk", "title", "what", "author_name", "created_at", "finished_at", "number", "at")
    )  # fmt: skip
    for row in changes:
        harm, one, many = _SAID[row["what"]]
        query = "" if row["what"] == "asking" else f"?state={row['what']}"
        folded = Many(f"changes.{row['what']}", "changes", many, f"{reverse('changes')}{query}")
        url = reverse("change", args=[row["pk"]])
        yield AttentionItem(
            harm, row["title"], url, one, cause=f"Requested by {printable(row['author_name'], 80)}.",
            since=row["finished_at"] or row["created_at"], act=Act("Open change", url), many=folded,
        )  # fmt: skip
        if row["at"] == _NAMED and row["number"] > _NAMED:
            count = row["number"] - _NAMED
            yield AttentionItem(
                harm, f"{count:,} more changes", folded.url, many, many=folded, count=count,
                act=Act("Open changes", folded.url),
            )  # fmt: skip


def _drift(user: AnyUser, by_id: dict[int, Broker]) -> Iterator[AttentionItem]:
    found = (
        managed_seen_by(user)
        .filter(sync=Sync.DRIFTED, broker__in=by_id)
        .order_by()
        .values("broker")
        .annotate(number=Count("pk"), since=Min("drifted_since"))
    )
    for row in sorted(found, key=lambda row: by_id[row["broker"]].name):
        broker, count = by_id[row["broker"]], row["number"]
        url = f"{reverse('drift')}?broker={broker.pk}"
        differ = "object that differs from its" if count == 1 else "objects that differ from their"
        yield AttentionItem(
            Harm.WILL_BREAK, broker.name, url, f"has {count:,} {differ} desired state.",
            cause="Somebody edited it outside the console, or a declaration of a client differs.",
            since=row["since"], act=Act("Open drift", url), broker=broker, count=count,
            many=Many("drift", "objects", "differ from their desired state.", reverse("drift")),
        )  # fmt: skip
