"""The inverse of what changes did on one broker."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from accessctl.authorize import AnyUser
from console.engine.proposal import DesiredObject
from console.engine.proposals.judge import generations_of
from console.engine.revert.fold import Folded, Inverse, fold, invert
from console.engine.revert.history import BrokerHistory
from console.engine.revert.present import read_falling, read_present
from console.errors import InvalidField
from console.faces.face import FACES
from console.faces.pages.words import counted
from console.faces.seen import seen_kinds, seen_objects
from console.kinds.common.kind import Op, Ref, Spec, SpecError
from console.kinds.registry import KINDS, OWNERS, phrase
from console.models import OPEN_STEPS, Step
from console.pages.reverts.rights import Judge
from console.pages.reverts.sentences import (
    about_inverse,
    lost_with,
    messages_lost,
    named,
    secret_stays,
)
from console.reconcile.dependents import owners_of, stands_on
from console.reconcile.diff import compare
from console.reconcile.disclose import beside_secrets

#: Of this many deletions, it is looked up what they change for others.
MOST_LOOKED_UP = 15


class OnBroker:
    """Builds the inverse of a history. Afterwards, `desired_objects`, `about`, `remarks`,
    `conflicts` and `doomed` are as in console.pages.reverts.inverse.Revert."""

    def __init__(self, history: BrokerHistory, user: AnyUser, *, overwrite: bool) -> None:
        self._history, self._broker, self._overwrite = history, history.broker, overwrite
        self._judge = Judge(user)
        self._now: dict[Ref, Spec | None] = {}
        self._came_and_went: set[Ref] = set()
        #: The broker couldn't be read, so whether what an object needs exists isn't known.
        self._needs_unknown = False
        self.desired_objects: list[DesiredObject] = []
        self.about: dict[Ref, list[str]] = {}
        self.remarks: list[str] = []
        self.conflicts = False
        self.doomed: list[Ref] = []

    def build(self) -> None:
        """Raises NotAllowed, InvalidField."""
        try:
            folded = fold(self._history.events)
            self._came_and_went = {event.ref for event in self._history.events} - set(folded)
            self._read(folded)
            inverses = [
                invert(one, self._now.get(one.ref), overwrite=self._overwrite)
                for one in folded.values()
            ]
            self._desire(inverses)
        except SpecError as error:
            raise InvalidField(error.field, str(error)) from None
        self.remarks += self._history.lost
        self.remarks += [
            secret_stays(ref)
            for ref in sorted(self._history.secrets)
            if self._now.get(ref) is not None
        ]
        self._tell(inverses)

    def _read(self, folded: dict[Ref, Folded]) -> None:
        """Read the present state of the objects, and of what they need."""
        needs = {
            need for one in folded.values() if one.before is not None for need in stands_on(one.ref)
        }
        present = read_present(self._broker, {*folded, *needs})
        if not present.trouble:
            self._now = present.specs
            return
        self._now = {ref: one.after for ref, one in folded.items()}
        read = self._broker.status.inventory_at is not None
        for kind in {ref.kind for ref in folded if read and ref.kind in seen_kinds()}:
            keys = [ref.key for ref in folded if ref.kind == kind]
            seen = seen_objects(self._broker, kind, keys)
            self._now |= {Ref(kind, key): seen.get(key) for key in keys}
        self._needs_unknown = True
        self.remarks.append(
            f"{self._broker.name} can't be read now, so this compares with its last known state. "
            f"{present.trouble}"
        )

    def _desire(self, inverses: Sequence[Inverse]) -> None:
        wanted = {one.ref: one.spec for one in inverses if one.changes}
        gone = {ref for ref, spec in wanted.items() if spec is None and ref.kind in OWNERS}
        for one in inverses:
            ref, owner = one.ref, next((o for o in owners_of(one.ref) if o in gone), None)
            said = about_inverse(one, self._now.get(ref), owner, overwrite=self._overwrite)
            if owner is None:
                self.conflicts = self.conflicts or bool(one.conflicts or one.moved)
            elif wanted.get(ref) is None:
                # RabbitMQ deletes it with the virtual host or user.
                wanted.pop(ref, None)
            if ref in wanted:
                self.about.setdefault(ref, []).extend(said)
            else:
                self.remarks += said
        self._drop_baseless(wanted)
        replaced = [ref for ref, spec in wanted.items() if self._op(ref, spec) is Op.REPLACE]
        for ref, inner in read_falling(self._broker, replaced).items():
            again = {one: spec for one, spec in inner.items() if one not in wanted}
            self._now |= again
            wanted |= again
            if again:
                self.about.setdefault(ref, []).append(
                    f"{counted(len(again), 'object')} deleted with it and created again: {named(again)}."
                )
        self._take(wanted)

    def _drop_baseless(self, wanted: dict[Ref, Spec | None]) -> None:
        """Drop what can't exist, because what it needs is gone and doesn't come back."""
        if self._needs_unknown:
            return
        dropped: dict[Ref, list[Ref]] = {}
        for ref in sorted(wanted, key=lambda ref: KINDS[ref.kind].rank):
            if wanted[ref] is None or self._now.get(ref) is not None:
                continue
            for need in stands_on(ref):
                there = wanted[need] if need in wanted else self._now.get(need)
                if there is None:
                    dropped.setdefault(need, []).append(ref)
                    del wanted[ref]
                    break
        for need, refs in dropped.items():
            if need in self._came_and_went:
                # It was created and deleted again in the meantime, so it isn't missed.
                continue
            self.remarks.append(
                f"Not created again, because the {phrase(need)} doesn't exist: {named(refs)}."
            )

    def _op(self, ref: Ref, spec: Spec | None) -> Op:
        return compare(ref, spec, self._now.get(ref)).op

    def _take(self, wanted: dict[Ref, Spec | None]) -> None:
        for ref, spec in wanted.items():
            now = self._now.get(ref)
            kind = KINDS[ref.kind]
            op = self._op(ref, spec)
            loses = spec is None or op is Op.REPLACE
            guard: dict[str, int] = {}
            if loses and now is not None:
                face = FACES.get(ref.kind)
                guard = dict(face.rules.guard(self._broker, ref.key)) if face else {}
                if kind.deleted_if_empty:
                    guard["force"] = 1
                holds = face is not None and face.rules.messages is not None
                if ref.kind in OWNERS or holds:
                    self.doomed.append(ref)
            beside = beside_secrets(ref.kind) if spec is not None and now is None else ()
            self.desired_objects.append(
                DesiredObject(
                    broker=self._broker,
                    ref=ref,
                    spec=spec,
                    observed=now,
                    permission=self._judge.right_for(self._broker, ref, now, spec),
                    secrets={name: str(kind.field(name).default) for name in beside} or None,
                    guard=guard,
                )
            )
        self._place()

    def _place(self) -> None:
        """Add the current generations, so that only one of two reverts is accepted."""
        found = generations_of(self.desired_objects)
        self.desired_objects = [
            replace(one, expected_generation=found[self._broker.pk, one.ref.kind, one.ref.key])
            for one in self.desired_objects
        ]

    def _tell(self, inverses: Iterable[Inverse]) -> None:
        losing: list[tuple[Ref, Op]] = []
        looked_up = 0
        for one in self.desired_objects:
            op = self._op(one.ref, one.spec)
            if op in (Op.DELETE, Op.REPLACE):
                losing.append((one.ref, op))
            # What a deletion changes for others takes a lookup each.
            looked_up += one.spec is None
            if one.spec is not None or looked_up <= MOST_LOOKED_UP:
                said = lost_with(self._broker, one.ref, one.observed, one.spec)
                self.about.setdefault(one.ref, []).extend(said)
        if looked_up > MOST_LOOKED_UP:
            self.remarks.append(
                f"What is lost with {counted(looked_up - MOST_LOOKED_UP, 'more deleted object')} "
                "isn't listed."
            )
        for ref, sentence in messages_lost(self._broker, losing):
            self.about.setdefault(ref, []).append(sentence)
        between = {one.ref for one in inverses if one.between}
        if between:
            self.remarks.append(
                f"Changed outside the console in between, and left as they are: {named(between)}."
            )
        self.remarks += self._given_by_the_broker()
        self.remarks += self._replaces_open()

    def _given_by_the_broker(self) -> Iterable[str]:
        """Yield what RabbitMQ creates together with an object, although it wasn't there before."""
        login = self._broker.username
        for one in self.desired_objects:
            if one.spec is None or one.observed is not None or one.ref not in self._history.emptied:
                continue
            for made in KINDS[one.ref.kind].made_with(one.ref.key, login):
                if made not in self._history.fallen:
                    yield f"RabbitMQ also creates the {phrase(made)}, which wasn't there before."

    def _replaces_open(self) -> Iterable[str]:
        """Yield a sentence if steps of other changes are still open for these objects."""
        wanted = {(one.ref.kind, one.ref.key) for one in self.desired_objects}
        steps = Step.objects.filter(broker=self._broker, state__in=OPEN_STEPS)
        waiting = {
            Ref(kind, tuple(key))
            for kind, key in steps.values_list("target__kind", "target__key").iterator()
            if (kind, tuple(key)) in wanted
        }
        if waiting:
            yield f"This replaces what isn't applied yet: {named(waiting)}."
