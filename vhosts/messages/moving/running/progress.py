"""The lease of a job, its counts and its journal, stored so that a crash at any moment is survived.

The order is: store what will be published; publish; wait for the confirms; store them; acknowledge
at the source. After a crash, what was stored last tells which of the messages that are delivered
again may already be at the target. They are published again, because two equal messages can't be
told apart, and are reported as possibly there twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Coalesce, Now

from console.audit import record
from vhosts.messages.moving.model import CopiedMessages, MessageJob, MessageOutcome

LEASE = timedelta(seconds=30)
#: Jobs that run at the same time; further ones wait. Each keeps a thread of the workers of changes.
MOST_AT_ONCE = 3
COUNTS = ("selected", "confirmed", "returned", "refused", "twice", "unknown", "deleted")
State = MessageJob.State


class LeaseLost(Exception):
    """Another worker has the job now, or it was deleted: store and send nothing more."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What people ask of the job now."""

    stop: bool = False
    pause: bool = False
    rate: int | None = None


@dataclass(slots=True)
class Batch:
    """What to store at once. `sent`: fingerprints that will be published now; `resent`: those that
    were confirmed before. `confirmed`: those whose acknowledgement follows."""

    sent: Sequence[str] = ()
    resent: Sequence[str] = ()
    confirmed: Sequence[str] = ()
    counts: Counter[str] = field(default_factory=Counter)
    outcomes: list[MessageOutcome] = field(default_factory=list)
    #: To recognize after an interruption (copies, chosen messages).
    remember: Sequence[str] = ()
    skipped: int | None = None
    offset: int | None = None


def due_jobs() -> list[str]:
    """Return the IDs of jobs that a worker should run now, oldest first."""
    found = MessageJob.objects.filter(_due()).order_by("created_at")
    return [str(pk) for pk in found.values_list("pk", flat=True)[:MOST_AT_ONCE]]


def _due() -> Q:
    return Q(
        Q(state__in=[State.WAITING, State.RUNNING]),
        Q(lease_until=None) | Q(lease_until__lt=Now()),
        Q(next_at=None) | Q(next_at__lte=Now()),
    )


class Progress:
    """The row of a job that this worker holds the lease of."""

    def __init__(self, job: MessageJob) -> None:
        self.job = job
        self.fence = job.fence
        journal = job.journal or {}
        #: May be at the target: sent without a confirm, and confirmed without an acknowledgement.
        self.doubtful = Counter[str](journal.get("doubtful", {})) + Counter(journal.get("sent", ()))
        self.certain = Counter[str](journal.get("certain", {})) + Counter(
            [*journal.get("confirmed", ()), *journal.get("resent", ())]
        )

    @classmethod
    def take(cls, job_id: str, owner: str) -> Progress | None:
        """Take the lease of a job that is due; None if it isn't, if another worker holds it or if
        enough jobs run. Time is the database's."""
        running = MessageJob.objects.filter(state=State.RUNNING, lease_until__gte=Now())
        if running.count() >= MOST_AT_ONCE:
            return None
        lost = Case(When(lease_owner="", then=Value(0)), default=Value(1))
        taken = MessageJob.objects.filter(_due(), pk=job_id).update(
            state=State.RUNNING,
            lease_owner=owner,
            lease_until=Now() + LEASE,
            heartbeat_at=Now(),
            fence=F("fence") + 1,
            interruptions=F("interruptions") + lost,
            started_at=Coalesce("started_at", Now()),
        )
        if not taken:
            return None
        job = MessageJob.objects.select_related("broker__status", "target_broker__status", "author").get(pk=job_id)  # fmt: skip
        return cls(job) if job.lease_owner == owner else None

    def store(self, batch: Batch) -> Orders:
        """Store a batch and extend the lease; return what people ask now. Raises LeaseLost."""
        columns: dict[str, Any] = {
            name: F(name) + number for name, number in batch.counts.items() if number
        }
        if batch.skipped is not None:
            columns["skipped"] = batch.skipped
        if batch.offset is not None:
            columns["offset"] = batch.offset
        columns["journal"] = {
            "sent": list(batch.sent),
            "resent": list(batch.resent),
            "confirmed": list(batch.confirmed),
            "doubtful": dict(+self.doubtful),
            "certain": dict(+self.certain),
        }
        with transaction.atomic():
            self._update(**columns)
            if batch.outcomes:
                MessageOutcome.objects.bulk_create(batch.outcomes)
            if batch.remember:
                digests = b"".join(bytes.fromhex(one) for one in batch.remember)
                CopiedMessages.objects.create(job=self.job, fingerprints=digests)
            return self._orders()

    def beat(self) -> Orders:
        """Extend the lease while nothing is settled."""
        self._update()
        return self._orders()

    def begin(self, **columns: Any) -> None:
        """Store facts about the beginning."""
        self._update(**columns)
        for name, value in columns.items():
            setattr(self.job, name, value)

    def wait(self, note: str, next_at: datetime) -> None:
        """Release the lease after an interruption; the job is tried again then."""
        self._update(
            note=note,
            next_at=next_at,
            interruptions=F("interruptions") + 1,
            lease_owner="",
            lease_until=None,
        )

    def release(self) -> None:
        """Release the lease with nothing under way: another worker takes the job at once."""
        self._update(lease_owner="", lease_until=None, next_at=Now())

    def end(self, state: str, note: str, now: datetime) -> None:
        """End or pause the job. The end is audited, with its counts."""
        ended = state != State.PAUSED
        with transaction.atomic():
            self._update(
                state=state,
                note=note,
                lease_owner="",
                lease_until=None,
                pause_requested=False,
                **({"ended_at": now} if ended else {}),
            )
            if ended:
                _record_end(MessageJob.objects.select_related("broker").get(pk=self.job.pk))
                CopiedMessages.objects.filter(job=self.job).delete()

    def remembered(self) -> Counter[str]:
        """Return fingerprints of what was confirmed and is delivered again."""
        found = Counter[str]()
        for data in CopiedMessages.objects.filter(job=self.job).values_list(
            "fingerprints", flat=True
        ):
            found.update(bytes(data[at : at + 16]).hex() for at in range(0, len(data), 16))
        return found

    def left_behind(self) -> Counter[str]:
        """Return fingerprints of messages that this job couldn't publish."""
        rows = MessageOutcome.objects.filter(
            job=self.job,
            outcome__in=[MessageOutcome.Outcome.RETURNED, MessageOutcome.Outcome.REFUSED],
        )
        return Counter(rows.values_list("fingerprint", flat=True))

    def _update(self, **columns: Any) -> None:
        held = MessageJob.objects.filter(pk=self.job.pk, fence=self.fence).exclude(lease_owner="")
        if "lease_until" not in columns:
            columns |= {"lease_until": Now() + LEASE, "heartbeat_at": Now()}
        if not held.update(**columns):
            raise LeaseLost(str(self.job.pk))

    def _orders(self) -> Orders:
        row = MessageJob.objects.filter(pk=self.job.pk).values_list(
            "stop_requested", "pause_requested", "rate"
        )
        return Orders(*row[0])


def _record_end(job: MessageJob) -> None:
    after = {
        "job": str(job.pk),
        "state": job.state,
        "asked_by": job.author_name,
        **{name: getattr(job, name) for name in (*COUNTS, "skipped")},
    }
    record(
        "message_jobs:end",
        target_kind="queue",
        target=f"{job.vhost} / {job.queue}",
        acting_user=None,
        broker=job.broker,
        after=after,
    )
