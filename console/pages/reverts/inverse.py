"""Build the inverse of finished changes: desired objects, and sentences about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from accessctl.authorize import AnyUser
from accessctl.visibility.changes import changes_seen_by, managed_seen_by, steps_seen_by
from console.engine.proposal import DesiredObject
from console.engine.proposals.retry import NothingLeft
from console.engine.revert.history import (
    MOST_STEPS,
    applied_steps,
    histories_of,
    open_changes_on,
    steps_since,
)
from console.errors import InvalidField, NotAllowed
from console.faces.pages.words import counted
from console.kinds.common.kind import Ref
from console.kinds.registry import vhost_of
from console.models import OPEN_CHANGES, Broker, Change, Step, Sync
from console.pages.reverts.on_broker import OnBroker
from console.pages.reverts.sentences import named

_REVERT, _REDO = "Revert: ", "Redo: "


@dataclass(kw_only=True)
class Revert:
    """An inverse, ready to be proposed. `about` are sentences by object, `remarks` about the whole.
    `conflicts`: something was changed again since, so that there is a choice. `typed`: what to type
    as confirmation, "" for nothing."""

    title: str
    changes: Sequence[Change]
    desired_objects: list[DesiredObject] = field(default_factory=list)
    about: dict[Ref, list[str]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    conflicts: bool = False
    doomed: list[Ref] = field(default_factory=list)

    @property
    def reverts(self) -> list[UUID]:
        return [change.pk for change in self.changes]

    @property
    def typed(self) -> str:
        """The name of the only object that is lost with what it holds, or their number."""
        if not self.doomed:
            return ""
        return self.doomed[0].key[-1] if len(self.doomed) == 1 else f"{len(self.doomed)} objects"


def revert_change(change: Change, *, acting_user: AnyUser, overwrite: bool) -> Revert:
    """Return the inverse of a finished change. Raises NothingLeft, NotAllowed, InvalidField."""
    if change.state in OPEN_CHANGES:
        raise NothingLeft(
            "This change is still being applied. Stop it, or revert it when it has ended."
        )
    steps = list(_limited(applied_steps([change.pk])))
    if not steps:
        raise NothingLeft(_why_no_step(change))
    _must_see_all(Step.objects.filter(change=change), acting_user)
    found = Revert(title=_title(change.title), changes=[change])
    if change.note:
        found.remarks.append(f"{change.note} Nothing is reverted there.")
    _build(found, steps, acting_user, overwrite)
    return found


def revert_since(
    broker: Broker, vhost: str | None, since: datetime, *, acting_user: AnyUser, overwrite: bool
) -> Revert:
    """Return the inverse of everything that changes did on the broker, or in one virtual host, from
    `since` on. Raises NothingLeft, NotAllowed, InvalidField."""
    where = broker.name if vhost is None else f"{vhost} on {broker.name}"
    wanted = steps_since(broker, since, vhost)
    _must_see_all(wanted, acting_user)
    waiting = open_changes_on(broker, vhost)
    running = waiting.filter(pk__in=changes_seen_by(acting_user).values("pk")).first()
    if running is not None:
        raise NothingLeft(
            f"The change “{running.title}” is still being applied to {where}. Wait until it ends, or "
            "stop it."
        )
    if waiting.exists():
        raise NothingLeft(f"A change is still being applied to {where}. Wait until it ends.")
    steps = list(_limited(wanted))
    if not steps:
        raise NothingLeft(f"No change was applied to {where} since then.")
    changes = list({step.change_id: step.change for step in steps}.values())
    at = since.astimezone(UTC)
    found = Revert(title=f"Revert {where} to {at:%Y-%m-%d %H:%M} UTC", changes=changes)
    _build(found, steps, acting_user, overwrite)
    found.remarks += _drift_left(
        broker, vhost, {one.ref for one in found.desired_objects}, acting_user
    )
    return found


def _build(found: Revert, steps: Sequence[Step], user: AnyUser, overwrite: bool) -> None:
    ids = {step.broker_id for step in steps}
    brokers = {one.pk: one for one in Broker.objects.filter(pk__in=ids).select_related("status")}
    histories = histories_of(steps, brokers)
    for history in histories:
        built = OnBroker(history, user, overwrite=overwrite)
        built.build()
        found.desired_objects += built.desired_objects
        for ref, sentences in built.about.items():
            found.about.setdefault(ref, []).extend(sentences)
        found.remarks += built.remarks
        found.conflicts = found.conflicts or built.conflicts
        found.doomed += built.doomed
    if not found.desired_objects:
        raise NothingLeft(_why_nothing(found), {"conflicts": found.conflicts})


def _limited(steps: Iterable[Step]) -> Sequence[Step]:
    listed = list(steps[: MOST_STEPS + 1])  # type: ignore[index]
    if len(listed) > MOST_STEPS:
        raise InvalidField(
            "since", f"More than {MOST_STEPS:,} steps would be undone, which is the limit."
        )
    return listed


def _must_see_all(steps: object, user: AnyUser) -> None:
    """Raises NotAllowed if the person can't see all steps."""
    hidden = steps.exclude(pk__in=Step.objects.filter(steps_seen_by(user)).values("pk"))  # type: ignore[attr-defined]
    if hidden.exists():
        raise NotAllowed(
            "You can't see all objects that were changed, so you can't revert this. Ask somebody "
            "with rights on all of them."
        )


def _title(title: str) -> str:
    if title.startswith(_REVERT):
        return f"{_REDO}{title.removeprefix(_REVERT)}"
    return f"{_REVERT}{title.removeprefix(_REDO)}"


def _why_no_step(change: Change) -> str:
    if change.note or not change.steps.exists():
        return (
            "The broker of this change was removed from the console, so there is nothing to revert "
            "it on."
        )
    return "Nothing of this change was applied, so there is nothing to revert."


def _why_nothing(found: Revert) -> str:
    said = [*found.remarks, *(one for ones in found.about.values() for one in ones)]
    if not said:
        return "Everything already has its earlier value, so there is nothing to revert."
    return " ".join(["There is nothing that can be reverted.", *said[:5]])


def _drift_left(broker: Broker, vhost: str | None, touched: set[Ref], user: AnyUser) -> list[str]:
    """Return a sentence about managed objects that were changed outside the console; of those whose
    drift the person may see."""
    rows = managed_seen_by(user).filter(broker=broker, sync=Sync.DRIFTED)
    refs = {Ref(kind, tuple(key)) for kind, key in rows.values_list("kind", "key")} - touched
    if vhost is not None:
        refs = {ref for ref in refs if vhost_of(ref) == vhost}
    if not refs:
        return []
    return [
        f"{counted(len(refs), 'other object')} changed outside the console stay as they are: "
        f"{named(refs)}."
    ]
