"""An import as a plan: what it would make of a broker, object by object, and then one Change.

RabbitMQ's own import stops half-way, passes over what it cannot do, and answers that all went well.
Here everything that would not be done is told before, and nothing is done unless all can be, or doing
the valid part was chosen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User

from accessctl.authorize import AnyUser, may, may_somewhere
from accessctl.rights import Permission
from console.engine.accept import Proposal, Wish, accept
from console.engine.proposals.judge import PLAN_MOVED
from console.errors import InvalidField, NotAllowed, NotSound, Stale
from console.faces.face import FACES
from console.faces.pages.words import counted
from console.kinds.common.kind import Key, Op, Ref, Spec, SpecError
from console.kinds.registry import CONTAINER, KINDS, phrase
from console.models import Broker, Change
from console.reconcile.definitions.compare import Objects, check_references, prunable, touched_by
from console.reconcile.definitions.kept import cleared, complete
from console.reconcile.definitions.read import Definitions, Finding, LeftOut
from console.reconcile.diff import compare
from console.reconcile.disclose import public_change, secrets_of_spec, told_spec
from console.reconcile.plan import fingerprint
from vhosts.definitions.import_checks import why_not_possible
from vhosts.definitions.import_losses import Row, count_lost, objections
from vhosts.definitions.read import Live, open_broker, read_file, read_live
from vhosts.definitions.rights import right_for, why_not_import


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """`prune` deletes what the file lacks, of the kinds it speaks of, and clears what it has empty: limits,
    tags, descriptions, passwords. `replace` deletes and declares
    again what is there with other fixed properties; a queue only while it is empty, unless `force`.
    `valid_part` goes ahead without what cannot be done."""

    vhost: str | None = None
    source_vhost: str | None = None
    prune: bool = False
    replace: bool = False
    force: bool = False
    valid_part: bool = False
    transformations: tuple[str, ...] = ()


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
    wishes: tuple[Wish, ...] = field(repr=False)

    def of(self, state: str) -> list[Row]:
        return [row for row in self.rows if row.state == state]

    def counts(self) -> dict[str, int]:
        """By op, of what is planned; plus unchanged, refused, held and impossible."""
        planned = self.of("planned")
        found = {str(op): sum(1 for row in planned if row.op is op) for op in Op}
        found["unchanged"] = self.unchanged
        for state in ("refused", "held", "impossible"):
            found[state] = len(self.of(state))
        found["impossible"] += sum(
            1 for one in self.findings if one.level == "error" and not one.ref
        )
        return found

    @property
    def in_sync(self) -> bool:
        return not self.wishes and self.sound

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
    """Compares the file with the broker as it is now. Raises NotAllowed, InvalidField, TooLarge,
    BrokerTrouble."""
    if not may_somewhere(acting_user, Permission.DEFINITIONS_IMPORT, broker):
        raise NotAllowed(
            "You aren't allowed to import definitions here (requires definitions:import)."
        )
    definitions = read_file(
        body,
        vhost=options.vhost,
        source_vhost=options.source_vhost,
        transformations=options.transformations,
    )
    with open_broker(broker) as store:
        live = read_live(store)
        planner = _Planner(broker, definitions, live, options, acting_user)
        planner.compare()
        planner.rows = count_lost(planner.rows, store, broker)
    return planner.plan(now)


class _Planner:
    def __init__(
        self,
        broker: Broker,
        definitions: Definitions,
        live: Live,
        options: ImportOptions,
        user: AnyUser,
    ) -> None:
        objects = dict(definitions.objects)
        own = Ref(CONTAINER.name, (options.vhost,)) if options.vhost is not None else None
        if own is not None and own not in live.objects:
            # A file of one virtual host need not say anything of the virtual host itself.
            objects.setdefault(own, {})
            definitions = replace(definitions, implied=definitions.implied - {own})
        self.broker, self.options, self.user = broker, options, user
        self.definitions = replace(definitions, objects=objects)
        self.live = live
        self.rows: list[Row] = []
        self.kept: list[Finding] = []
        self.unchanged: list[Ref] = []
        #: What of the file may be looked at.
        self.compared: set[Ref] = set()
        self.wanted: dict[Ref, Spec | None] = {}
        self.rights: dict[Ref, Permission] = {}

    def compare(self) -> None:
        observed = self.live.objects
        allowed: dict[Ref, dict[str, Any]] = {}
        for ref, spec in self.definitions.objects.items():
            if why := why_not_import(self.user, self.broker, ref, spec):
                # Not even compared: the outcome would tell what is in other people's hosts.
                self.rows.append(Row(ref, Op.CREATE, "refused", why))
            else:
                allowed[ref] = spec
        self.compared = set(allowed)
        absent = check_references(self.definitions, self._known())
        for ref, why in absent.items():
            if ref in allowed:
                del allowed[ref]
                self.rows.append(Row(ref, Op.CREATE, "impossible", why))
        whole, kept = complete(self.definitions, allowed, observed, whole_truth=self.options.prune)
        self.kept = kept
        for ref, spec in whole.items():
            self._one(ref, spec)
        if self.options.prune:
            self._prune()
        self._mend_bindings()

    def _known(self) -> Objects:
        """What is on the broker, without what is hidden from the person: a permission for a user that is,
        is answered as for one that is not there."""
        live = self.live.objects
        keys: dict[str, list[Key]] = {}
        for ref in live:
            keys.setdefault(ref.kind, []).append(ref.key)
        known = {
            kind: set(FACES[kind].known(self.user, self.broker, those))
            for kind, those in keys.items()
            if kind in FACES
        }
        return {
            ref: spec
            for ref, spec in live.items()
            if ref.kind not in known or ref.key in known[ref.kind]
        }

    def _one(self, ref: Ref, spec: Spec | None) -> None:
        before = self.live.objects.get(ref)
        try:
            difference = compare(ref, spec, before)
        except SpecError as error:
            self.rows.append(Row(ref, Op.UPDATE, "impossible", str(error)))
            return
        if difference.op is Op.UNCHANGED:
            self.unchanged.append(ref)
            return
        right, lacking = right_for(self.user, self.broker, difference, before, spec)
        state, why = ("refused", lacking) if lacking else ("planned", "")
        if not lacking and difference.op is Op.REPLACE and not self.options.replace:
            names = ", ".join(change.name for change in difference.fields)
            state, why = (
                "held",
                f"It exists with a different {names}, which can't be changed after "
                "declaration. To have it deleted and declared again, choose to "
                "replace objects.",
            )
        if (before or {}).get("protected_from_deletion") and difference.op is Op.DELETE:
            state, why = "impossible", f"The {KINDS[ref.kind].noun} is protected from deletion."
        if state == "planned" and (
            wrong := why_not_possible(self.broker, difference, before, spec)
        ):
            state, why = "impossible", wrong
        fields = tuple(
            {"name": f.name, "before": f.before, "after": f.after, "secret": f.secret}
            for f in (public_change(ref.kind, change) for change in difference.fields)
        )
        clears = tuple(cleared(ref, before, spec)) if spec is not None and before else ()
        self.rows.append(Row(ref, difference.op, state, why, fields, 0, difference, clears))
        if state == "planned":
            self.wanted[ref] = spec
            self.rights[ref] = right

    def _prune(self) -> None:
        lacking = [
            ref
            for ref in prunable(
                self.definitions,
                self.live.objects,
                vhost=self.options.vhost,
                own_user=self.broker.username,
            )
            if not why_not_import(self.user, self.broker, ref, self.live.objects[ref])
        ]
        # What goes with another one is not deleted by itself.
        gone_with = set(touched_by(set(lacking), self.live.objects))
        for ref in lacking:
            if ref not in gone_with:
                self._one(ref, None)

    def _mend_bindings(self) -> None:
        """Deleting a queue or an exchange deletes its bindings: those that are to be are made again."""
        replaced = {row.ref for row in self.rows if row.op is Op.REPLACE and row.state == "planned"}
        for ref in touched_by(replaced, self.live.objects) if replaced else ():
            if self.wanted.get(ref, {}) is None:
                continue
            self.wanted[ref] = {}
            self.rights[ref] = Permission.DEFINITIONS_IMPORT
            if ref in self.unchanged:
                self.unchanged.remove(ref)
            why = "Deleted together with a replaced object, then created again."
            self.rows.append(Row(ref, Op.CREATE, "planned", why))

    def plan(self, now: datetime) -> ImportPlan:
        rows = sorted(self.rows, key=_in_order)
        # A fingerprint over what may not be looked at would tell when that changes.
        seen = self.compared | set(self.wanted)
        return ImportPlan(
            broker=self.broker,
            options=self.options,
            rows=tuple(rows),
            unchanged=len(self.unchanged),
            findings=(*self.definitions.findings, *self.kept),
            objections=tuple(
                objections(rows, self.broker, force=self.options.force, left_out=self._left_out())
            ),
            fingerprint=fingerprint(seen, self.live.objects),
            read_at=now,
            version=self.live.version,
            wishes=tuple(self._wish(ref) for ref in self.wanted),
        )

    def _left_out(self) -> list[LeftOut]:
        """Of what the person may import into: the rest is other people's."""
        return [
            one
            for one in self.live.left_out_in(self.options.vhost)
            if may(self.user, Permission.DEFINITIONS_IMPORT, self.broker, one.vhost)
        ]

    def _wish(self, ref: Ref) -> Wish:
        spec, observed = self.wanted[ref], self.live.objects.get(ref)
        secrets = None
        if spec is not None:
            new = secrets_of_spec(ref.kind, spec)
            if new is not None and new != (observed and secrets_of_spec(ref.kind, observed)):
                secrets = new
            spec = told_spec(ref.kind, spec)
        guard: Mapping[str, int] = {}
        if KINDS[ref.kind].deleted_if_empty and self.options.force:
            guard = {"force": 1}
        elif spec is None and ref.kind in FACES:
            guard = FACES[ref.kind].rules.guard(self.broker, ref.key)
        return Wish(
            broker=self.broker,
            ref=ref,
            spec=spec,
            observed=observed,
            permission=self.rights[ref],
            secrets=secrets,
            guard=guard,
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
    """The plan as one Change; None where there is nothing to do. Raises Stale where the broker is no
    longer as it was when the plan was shown; NotAllowed, InvalidField or NotSound where not all of it
    can be done and the valid part was not chosen."""
    if expected_fingerprint and expected_fingerprint != plan.fingerprint:
        raise Stale(PLAN_MOVED)
    if not plan.options.valid_part:
        _refuse_half(plan)
    if not plan.wishes:
        return None
    where = plan.broker.name if plan.options.vhost is None else plan.options.vhost
    proposal = Proposal(
        title=title or f"Import definitions into {where}",
        wishes=plan.wishes,
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
    errors = [str(one) for one in plan.findings if one.level == "error"]
    errors += [f"The {phrase(row.ref)}: {row.why}" for row in impossible]
    if errors:
        more = f" {len(errors)} errors in total." if len(errors) > 1 else ""
        raise InvalidField("file", f"{errors[0]}{more} Nothing was changed.")
    if held:
        raise NotSound(
            f"{counted(len(held), 'object')} must be deleted and declared again. The "
            f"first is the {phrase(held[0].ref)}: {held[0].why} Nothing was changed.",
            {"held": [{"kind": row.ref.kind, "key": list(row.ref.key)} for row in held[:1000]]},
        )
