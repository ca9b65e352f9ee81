"""A proposal: what a person requests in one operation, planned once for preview, dry run and
accept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from uuid import UUID

from console.engine.acts.request import RequestedAct
from console.engine.applying.own_login import lock_out
from console.engine.supported import facts_of, faults_of_plan
from console.errors import InvalidField
from console.kinds.common.kind import Op, Ref, Spec, SpecError
from console.kinds.registry import KINDS
from console.models import Broker
from console.reconcile.diff import Difference, FieldChange
from console.reconcile.disclose import beside_secrets, whole_spec
from console.reconcile.plan import Plan, make_plan, step_order


@dataclass(frozen=True, slots=True)
class Source:
    """The folder of definitions that owns objects, and its commit; "" if that is unknown."""

    name: str
    revision: str = ""

    def __str__(self) -> str:
        return f"{self.name}, commit {self.revision}" if self.revision else self.name


@dataclass(frozen=True, kw_only=True)
class DesiredObject:
    """One object as it should be.

    `spec` is the whole spec without secrets; None deletes the object. `observed` is its last
    observed spec; None if it didn't exist. `secrets` None keeps those on the broker.
    `expected_generation`: if another change came first, this one is refused; None skips the check.
    """

    broker: Broker
    ref: Ref
    spec: Spec | None
    observed: Spec | None
    permission: str
    secrets: Mapping[str, str] | None = field(default=None, repr=False)
    expected_generation: int | None = None
    #: The object is to be created. If another change came first, AlreadyThere is raised instead of
    #: Stale.
    new: bool = False
    #: The name is used by something that the person may not know of. The plan treats the name as
    #: free, and accepting is refused.
    taken: bool = False
    guard: Mapping[str, int] = field(default_factory=dict)
    #: The folder that it comes from and that owns it from now on; None: requested by hand.
    source: Source | None = None

    def compared(self) -> Spec | None:
        """Return the spec that the plan compares. A secret is compared only if a new one is
        given."""
        if self.spec is None:
            return None
        return whole_spec(self.ref.kind, self.spec, self.secrets, self.observed)


About = Callable[[Sequence[DesiredObject]], Mapping[Ref, Sequence[str]]]


def _nothing(desired_objects: Sequence[DesiredObject]) -> Mapping[Ref, Sequence[str]]:
    return {}


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """What a person requests in one operation. Preview, dry run and `accept` use the same object,
    so its plans are made once."""

    title: str
    desired_objects: Sequence[DesiredObject]
    #: Applied after the desired objects.
    acts: Sequence[RequestedAct] = ()
    #: page | api | admin | command
    origin: str
    reason: str = ""
    idempotency_key: str = ""
    #: Distinguishes requests with the same idempotency key. If empty, it is derived from the
    #: desired objects. The API passes a digest of the request body, because a repeated request may
    #: no longer have the same desired objects.
    fingerprint: str = ""
    #: Sentences about single objects, such as what is lost with them. Called only if the plan is
    #: shown.
    about: About = _nothing
    #: Sentences about the whole proposal.
    remarks: Sequence[str] = ()
    #: The changes that it undoes.
    reverts: Sequence[UUID] = ()
    #: Objects that a folder owns may be changed by hand (console.engine.proposals.owned).
    breaks_glass: bool = False

    @cached_property
    def plans(self) -> dict[Broker, Plan]:
        """What would happen, by broker; nothing is stored. Raises InvalidField, also for what would
        lock the console out of a broker, and for what the broker's version refuses."""
        plans: dict[Broker, Plan] = {}
        for desired in self.desired_objects:
            refuse_lock_out(desired)
        for broker in {
            desired.broker.pk: desired.broker for desired in self.desired_objects
        }.values():
            desired_objects = [
                desired for desired in self.desired_objects if desired.broker.pk == broker.pk
            ]
            observed = {
                desired.ref: desired.observed
                for desired in desired_objects
                if desired.observed is not None
            }
            wanted = {desired.ref: desired.compared() for desired in desired_objects}
            try:
                plan = make_plan(wanted, observed)
            except SpecError as error:
                raise InvalidField(error.field, str(error)) from None
            for _, fault in faults_of_plan(plan, wanted, observed, facts_of(broker, wanted)):
                if fault.refuses:
                    raise InvalidField(fault.field, fault.sentence)
            plans[broker] = _with_secrets(plan, desired_objects)
        return plans

    def digest(self) -> str:
        if self.fingerprint:
            return self.fingerprint
        asked = [
            [w.broker.pk, w.ref.kind, list(w.ref.key), w.spec, sorted(w.secrets or {})]
            for w in self.desired_objects
        ]
        acts = [one.identity() for one in self.acts]
        text = json.dumps(
            [self.title, asked, *([acts] if acts else [])], sort_keys=True, default=str
        )
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def refuse_lock_out(desired: DesiredObject) -> None:
    """Raises InvalidField if the console would be locked out of the broker."""
    found = lock_out(
        desired.broker,
        desired.ref,
        desired.observed,
        desired.spec,
        new_password=bool(desired.secrets),
    )
    if found is not None:
        raise InvalidField(found.field, found.message)


def _with_secrets(plan: Plan, desired_objects: Sequence[DesiredObject]) -> Plan:
    """Count each new password as a change. Inventories store no secrets, so there is nothing to
    compare a new password with, and the plan would say that nothing happens."""
    given = {
        w.ref
        for w in desired_objects
        if w.secrets and w.observed and not set(w.secrets) & set(w.observed)
    }
    if not given:
        return plan
    unchanged = [Difference(ref, Op.UPDATE) for ref in plan.unchanged if ref in given]
    steps = [
        replace(
            step,
            fields=(*step.fields, *_secret_changes(step.ref)),
            untold=tuple(name for name in step.untold if name not in beside_secrets(step.ref.kind)),
        )
        if step.ref in given
        else step
        for step in (*plan.steps, *unchanged)
    ]
    return replace(
        plan,
        steps=tuple(sorted(steps, key=step_order)),
        unchanged=tuple(ref for ref in plan.unchanged if ref not in given),
    )


def _secret_changes(ref: Ref) -> tuple[FieldChange, ...]:
    return tuple(
        FieldChange(field.name, None, None, secret=True)
        for field in KINDS[ref.kind].fields
        if field.secret
    )
