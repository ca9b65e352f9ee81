"""Plan an import: what it would change on a broker, object by object. Then accept it as one
change.

RabbitMQ's own import stops halfway, skips what it can't do, and reports success. Here, everything
that can't be imported is reported first. Nothing is changed unless all of it can be, or the person
chose to import only the valid part.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from django.contrib.auth.models import User

from accessctl.authorize import AnyUser, may_somewhere
from accessctl.rights import Permission
from console.engine.accept import accept
from console.engine.proposal import DesiredObject, Proposal
from console.engine.proposals.judge import PLAN_MOVED
from console.errors import InvalidField, NotAllowed, NotSound, Stale
from console.faces.pages.words import counted
from console.kinds.common.kind import Op, Ref
from console.kinds.registry import KINDS, phrase
from console.models import Broker, Change
from console.reconcile.definitions.read import Definitions, Finding
from console.reconcile.definitions.transformations import GO_WITH
from console.reconcile.judge import UNKNOWN_VERSION
from console.reconcile.plan import fingerprint
from vhosts.definitions.import_losses import Row, count_lost, objections
from vhosts.definitions.planning.claims import claims_of
from vhosts.definitions.planning.options import ImportOptions
from vhosts.definitions.planning.ownership import Ownership
from vhosts.definitions.planning.planner import Planner
from vhosts.definitions.read import open_broker, read_file, read_live

__all__ = ["ImportOptions", "ImportPlan", "accept_import", "plan_import"]


@dataclass(frozen=True, kw_only=True)
class ImportPlan:
    broker: Broker
    options: ImportOptions
    rows: tuple[Row, ...]
    unchanged: int
    findings: tuple[Finding, ...]
    objections: tuple[str, ...]
    fingerprint: str
    read_at: datetime
    version: str
    desired_objects: tuple[DesiredObject, ...] = field(repr=False)
    #: Objects that are as they should be, and that only get an owner.
    claims: tuple[DesiredObject, ...] = field(default=(), repr=False)

    def of(self, state: str) -> list[Row]:
        return [row for row in self.rows if row.state == state]

    def counts(self) -> dict[str, int]:
        """Return the number of planned rows by op, plus unchanged, refused, held and impossible
        ones."""
        planned = self.of("planned")
        found = {str(op): sum(1 for row in planned if row.op is op) for op in Op}
        found["unchanged"] = self.unchanged
        for state in ("refused", "held", "impossible"):
            found[state] = len(self.of(state))
        found["impossible"] += sum(
            1 for one in self.findings if one.level == "error" and not one.ref
        )
        return found

    def remedies(self) -> list[str]:
        """Return the names of the transformations that would make impossible objects possible."""
        named = dict.fromkeys(
            name
            for row in self.of("impossible")
            for name in (row.remedy, *GO_WITH.get(row.remedy, ()))
        )
        return [name for name in named if name and name not in self.options.transformations]

    @property
    def in_sync(self) -> bool:
        return not self.desired_objects and self.sound

    @property
    def sound(self) -> bool:
        counts = self.counts()
        return not (counts["refused"] or counts["held"] or counts["impossible"])


def plan_import(
    *,
    broker: Broker,
    body: bytes,
    options: ImportOptions,
    acting_user: AnyUser,
    now: datetime,
) -> ImportPlan:
    """Compare the file with the broker's current state. Raises NotAllowed, InvalidField, TooLarge,
    BrokerTrouble."""
    _require_import(acting_user, broker)
    definitions = read_file(
        body,
        vhost=options.vhost,
        source_vhost=options.source_vhost,
        transformations=options.transformations,
    )
    return plan_definitions(
        broker=broker, definitions=definitions, options=options, acting_user=acting_user, now=now
    )


def plan_definitions(
    *,
    broker: Broker,
    definitions: Definitions,
    options: ImportOptions,
    acting_user: AnyUser,
    now: datetime,
    ownership: Ownership | None = None,
) -> ImportPlan:
    """Compare definitions with the broker's current state. Raises NotAllowed, BrokerTrouble."""
    _require_import(acting_user, broker)
    with open_broker(broker) as store:
        live = read_live(store)
        planner = Planner(broker, definitions, live, options, acting_user, store, ownership)
        planner.compare()
        planner.rows = count_lost(planner.rows, store, broker)
    return _as_plan(planner, now)


def _require_import(acting_user: AnyUser, broker: Broker) -> None:
    if not may_somewhere(acting_user, Permission.DEFINITIONS_IMPORT, broker):
        raise NotAllowed(
            "You aren't allowed to import definitions here (requires definitions:import)."
        )


def _as_plan(planner: Planner, now: datetime) -> ImportPlan:
    rows = sorted(planner.rows, key=_in_order)
    options, broker, live = planner.options, planner.broker, planner.live
    unknown = [UNKNOWN_VERSION] if planner.facts.version is None else []
    return ImportPlan(
        broker=broker,
        options=options,
        rows=tuple(rows),
        unchanged=len(planner.unchanged),
        findings=planner.findings(),
        objections=(
            *unknown,
            *objections(rows, broker, force=options.force, left_out=planner.left_out()),
        ),
        fingerprint=fingerprint(planner.seen(), live.objects),
        read_at=now,
        version=live.version,
        desired_objects=tuple(planner.desired(ref) for ref in planner.wanted),
        claims=tuple(claims_of(planner)),
    )


def _in_order(row: Row) -> tuple[int, int, Ref]:
    rank = KINDS[row.ref.kind].rank
    return (int(row.op is Op.DELETE), -rank if row.op is Op.DELETE else rank, row.ref)


def accept_import(
    plan: ImportPlan,
    *,
    acting_user: User,
    now: datetime,
    origin: str,
    reason: str = "",
    title: str = "",
    expected_fingerprint: str = "",
    idempotency_key: str = "",
) -> Change | None:
    """Accept the plan as one change. Return None if there is nothing to do.

    Raises Stale if the broker has changed since the plan was shown. If some objects can't be
    imported and `valid_part` isn't set, raises NotAllowed, InvalidField or NotSound.
    """
    if expected_fingerprint and expected_fingerprint != plan.fingerprint:
        raise Stale(PLAN_MOVED)
    if not plan.options.valid_part:
        _refuse_half(plan)
    if not plan.desired_objects and not plan.claims:
        return None
    where = plan.broker.name if plan.options.vhost is None else plan.options.vhost
    proposal = Proposal(
        title=title or f"Import definitions into {where}",
        desired_objects=(*plan.desired_objects, *plan.claims),
        origin=origin,
        reason=reason,
        idempotency_key=idempotency_key,
    )
    return accept(proposal, now=now, acting_user=acting_user)


def _refuse_half(plan: ImportPlan) -> None:
    refused, impossible, held = (plan.of(state) for state in ("refused", "impossible", "held"))
    if refused:
        raise NotAllowed(
            f"You aren't allowed to import {counted(len(refused), 'object')} of the "
            f"file. The first is the {phrase(refused[0].ref)}: {refused[0].why} "
            "Nothing was changed.",
            {"refused": [{"kind": row.ref.kind, "key": list(row.ref.key), "why": row.why}
                         for row in refused[:1000]]},
        )  # fmt: skip
    found = [one for one in plan.findings if one.level == "error"]
    named = {one.ref for one in found}
    errors = [str(one) for one in found]
    errors += [f"The {phrase(row.ref)}: {row.why}" for row in impossible if row.ref not in named]
    if errors:
        more = f" {len(errors)} errors in total." if len(errors) > 1 else ""
        raise InvalidField("file", f"{errors[0]}{more} Nothing was changed.")
    if held:
        raise NotSound(
            f"{counted(len(held), 'object')} must be deleted and declared again. The "
            f"first is the {phrase(held[0].ref)}: {held[0].why} Nothing was changed.",
            {"held": [{"kind": row.ref.kind, "key": list(row.ref.key)} for row in held[:1000]]},
        )
