"""Join a tap, read what it kept since, and leave: for pages, the API and commands alike.

Each reading says that the viewer is still there. Rights are judged at each reading, per viewer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.db import connection, transaction
from django.http import Http404

from accessctl.authorize import AnyUser
from console.errors import ConsoleError, NotAllowed
from console.models import Broker
from vhosts.messages.listening.buffer import Kept, opened
from vhosts.messages.listening.model import Tap, TapSlice, TapViewer
from vhosts.messages.listening.runner import end_if_left, ensure_running, present
from vhosts.messages.listening.targets import Target, require_listening, require_there
from vhosts.messages.matching import Match, match
from vhosts.messages.reading import record_reading
from vhosts.messages.showing import Reader, Shown, reader_of, shown

#: Taps of the console and listening pages of one person, at most at the same time.
MOST_TAPS, MOST_OF_PERSON = 20, 5
#: Slices answered at once: about 5 s of a busy tap.
_MOST_SLICES = 10
_LOCK = 0x7461_7073


class TooManyTaps(ConsoleError):
    """As many taps run as are allowed at the same time."""

    code = "too_many_taps"
    http_status = 409


@dataclass(frozen=True, slots=True)
class Heard:
    """A message as its viewer may see it. `cut`: the body is longer than what was kept."""

    seq: int
    at: datetime
    shown: Shown
    cut: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """What came since the last reading. `after` is for the next one. `kept` and `skipped` count
    messages within `seconds`; `at_least`: perhaps more were skipped. `hidden`: kept, but not
    matched. `state` is starting, listening or trouble."""

    state: str
    tap: Tap
    after: int
    heard: list[Heard]
    kept: int = 0
    skipped: int = 0
    at_least: bool = False
    seconds: float = 0.0
    hidden: int = 0

    @property
    def rate(self) -> float | None:
        """Messages a second, kept or not; None if nothing came."""
        return (self.kept + self.skipped) / self.seconds if self.seconds else None


def join(actor: AbstractBaseUser, broker: Broker, target: Target, *, now: datetime) -> TapViewer:
    """Listen to a target, together with all who do already. Raises Http404, NotAllowed,
    InvalidField, TooManyTaps."""
    require_there(actor, broker, target)
    forget_taps(now)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        if TapViewer.objects.filter(present(now), user_id=actor.pk).count() >= MOST_OF_PERSON:
            raise TooManyTaps(
                f"You already listen on {MOST_OF_PERSON} pages. Stop listening on one of them first."
            )
        digest = target.digest
        tap = Tap.objects.select_for_update().filter(broker=broker, digest=digest).first()
        if tap is None:
            if Tap.objects.count() >= MOST_TAPS:
                raise TooManyTaps(
                    f"The console already listens to {MOST_TAPS} targets. Try again when somebody has stopped."
                )
            tap = Tap.objects.create(broker=broker, digest=digest, target=target.as_dict())
        viewer = TapViewer.objects.create(tap=tap, user_id=actor.pk, joined_at=now, seen_at=now)
        record_reading(actor, broker, target.vhost, target.title, 0, "listen")
    ensure_running(tap, now)
    return viewer


def viewer_of(actor: AnyUser, viewer_id: UUID, *, now: datetime) -> TapViewer:
    """Return the actor's own viewer with its tap. Raises Http404 if it has left, its time is over,
    or the actor may no longer listen."""
    viewer = (
        TapViewer.objects.filter(present(now), pk=viewer_id, user_id=actor.pk or 0)
        .select_related("tap__broker__status")
        .first()
    )
    if viewer is None:
        raise Http404("Nobody listens here any more.")
    try:
        require_listening(actor, viewer.tap.broker, Target.stored(viewer.tap.target))
    except NotAllowed:
        leave(viewer, now=now)
        raise
    return viewer


def read(
    actor: AnyUser,
    viewer: TapViewer,
    *,
    after: int | None,
    wanted: Match,
    paused: bool = False,
    now: datetime,
) -> Reading:
    """Return what came after the message with number `after`; None: from now on. Needs no open
    transaction. Raises Http404."""
    tap = viewer.tap
    reader = reader_of(actor, tap.broker_id, tap.target["vhost"])
    TapViewer.objects.filter(pk=viewer.pk).update(seen_at=now, paused=paused)
    ensure_running(tap, now)
    state = "trouble" if tap.error_code else "listening" if tap.listening_since else "starting"
    if after is None or paused:
        return Reading(state, tap, tap.seq if after is None else after, [])
    slices = TapSlice.objects.filter(tap=tap, seq__gt=after).order_by("seq", "pk")
    found = list(slices[:_MOST_SLICES])
    heard, hidden = [], 0
    for row in found:
        for kept in opened(row):
            if kept.seq > after:
                if not wanted or match(kept.message, reader, wanted):
                    heard.append(_heard(kept, reader))
                else:
                    hidden += 1
    return Reading(
        state=state,
        tap=tap,
        after=found[-1].seq if found else after,
        heard=heard,
        kept=sum(row.kept for row in found),
        skipped=sum(row.skipped for row in found),
        at_least=any(row.at_least for row in found),
        seconds=sum(row.seconds for row in found),
        hidden=hidden,
    )


def read_one(actor: AnyUser, viewer: TapViewer, seq: int) -> Heard:
    """Return one message that is still kept. Raises Http404."""
    reader = reader_of(actor, viewer.tap.broker_id, viewer.tap.target["vhost"])
    rows = TapSlice.objects.filter(tap=viewer.tap, seq__gte=seq, kept__gt=0).order_by("seq", "pk")
    for row in rows[:1]:
        for kept in opened(row):
            if kept.seq == seq:
                return _heard(kept, reader)
    raise Http404("This message is no longer kept.")


def leave(viewer: TapViewer, *, now: datetime) -> None:
    """Stop listening; the tap ends with its last viewer."""
    viewer.delete()
    end_if_left(viewer.tap_id, now)


def forget_taps(now: datetime) -> None:
    """Delete viewers that have left, and taps whose process died before it could."""
    TapViewer.objects.exclude(present(now)).delete()
    for pk in Tap.objects.filter(viewers=None).values_list("pk", flat=True):
        end_if_left(pk, now)


def _heard(kept: Kept, reader: Reader) -> Heard:
    found = shown(kept.message, reader)
    cut = kept.size > kept.message.size
    if cut and found.payload is not None:
        found = replace(found, payload=replace(found.payload, truncated=True))
    return Heard(kept.seq, kept.at, replace(found, size=kept.size), cut)


def as_params(tap: Tap) -> Mapping[str, Any]:
    """Return the parameters of the tap's target for an address."""
    return {"broker": tap.broker_id, **Target.stored(tap.target).params()}
