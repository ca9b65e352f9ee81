"""Compare a file with a broker, object by object: what to change, and what is impossible."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from accessctl.authorize import AnyUser, may
from accessctl.rights import Permission
from console.engine.applying.broker_objects import BrokerObjects
from console.engine.proposal import DesiredObject
from console.faces.face import FACES
from console.kinds.common.kind import Key, Op, Ref, Spec, SpecError
from console.kinds.common.rows import Level
from console.kinds.registry import CONTAINER, KINDS, phrase
from console.models import Broker
from console.reconcile.definitions.compare import Objects, check_references, touched_by
from console.reconcile.definitions.kept import cleared, complete
from console.reconcile.definitions.read import Definitions, Finding, LeftOut
from console.reconcile.diff import compare
from console.reconcile.disclose import public_change, secrets_of_spec, told_spec
from vhosts.definitions.import_checks import why_not_possible, without_effect
from vhosts.definitions.import_losses import Row
from vhosts.definitions.planning.facts import read_facts
from vhosts.definitions.planning.limits import Limits
from vhosts.definitions.planning.options import ImportOptions
from vhosts.definitions.planning.ownership import Ownership
from vhosts.definitions.planning.pruning import NOTHING_PRUNED, kept_for, missing_in, standing_alone
from vhosts.definitions.read import Live
from vhosts.definitions.rights import right_for, why_not_import


class Planner:
    """Compares the objects of a file with those of a broker, one by one."""

    def __init__(
        self,
        broker: Broker,
        definitions: Definitions,
        live: Live,
        options: ImportOptions,
        user: AnyUser,
        store: BrokerObjects,
        ownership: Ownership | None = None,
    ) -> None:
        objects = dict(definitions.objects)
        own = Ref(CONTAINER.name, (options.vhost,)) if options.vhost is not None else None
        if own is not None and own not in live.objects:
            # A file of one virtual host may omit the virtual host itself.
            objects.setdefault(own, {})
            definitions = replace(definitions, implied=definitions.implied - {own})
        self.broker, self.options, self.user = broker, options, user
        self.definitions = replace(definitions, objects=objects)
        self.live = live
        self.ownership = ownership
        self.store = store
        self.facts = read_facts(store, broker, live.version, self._as_it_will_be)
        self.rows: list[Row] = []
        self.kept: list[Finding] = []
        #: What the broker accepts but ignores, so that people should know about it.
        self.without_effect: list[Finding] = []
        #: Objects to delete that nothing which stays on the broker stands on.
        self.freed: set[Ref] = set()
        self.unchanged: list[Ref] = []
        #: Objects of the file that the person may see.
        self.compared: set[Ref] = set()
        self.wanted: dict[Ref, Spec | None] = {}
        self.rights: dict[Ref, Permission] = {}

    def compare(self) -> None:
        observed = self.live.objects
        allowed: dict[Ref, dict[str, Any]] = {}
        for ref, spec in self.definitions.objects.items():
            if why := why_not_import(self.user, self.broker, ref, spec):
                # Not even compared: the result would reveal what is in other people's virtual
                # hosts.
                self.rows.append(Row(ref, Op.CREATE, "refused", why))
            else:
                allowed[ref] = spec
        self.compared = set(allowed)
        for finding in self.definitions.errors:
            if finding.ref in allowed:
                # It is unknown which of two rows was meant, so neither is used.
                del allowed[finding.ref]
                op = Op.UPDATE if finding.ref in observed else Op.CREATE
                self.rows.append(Row(finding.ref, op, "impossible", finding.sentence))
        for ref, why in self.ownership.owned_by_others(allowed).items() if self.ownership else ():
            del allowed[ref]
            self.rows.append(Row(ref, Op.UPDATE, "refused", why))
        absent = check_references(self.definitions, self._known())
        for ref, why in absent.items():
            if ref in allowed:
                del allowed[ref]
                self.rows.append(Row(ref, Op.CREATE, "impossible", why))
        whole_truth = self.options.prune or self.ownership is not None
        whole, kept = complete(self.definitions, allowed, observed, whole_truth=whole_truth)
        self.kept = kept
        for ref, spec in whole.items():
            self._one(ref, spec)
        if self.options.prune or self.ownership is not None:
            self._prune()
        self._carried()
        self._within_limits()
        self._without_what_they_stand_on()
        self._mend_bindings()

    def _as_it_will_be(self, kind: str, key: Key) -> Spec:
        ref = Ref(kind, key)
        return {**self.live.objects.get(ref, {}), **self.definitions.objects.get(ref, {})}

    def _within_limits(self) -> None:
        limits = Limits(self.store, self.live.objects)
        self._give_up(dict(limits.beyond(self.rows, self.wanted)))
        for sentence in limits.exceeded(self.rows, self.wanted):
            self.without_effect.append(Finding(Level.WARNING, "", None, "", sentence))

    def _without_what_they_stand_on(self) -> None:
        """An object that needs an impossible new object is impossible too, such as a queue's
        binding."""
        lost = {row.ref for row in self.rows if row.state == "impossible" and row.op is Op.CREATE}
        lost -= set(self.live.objects)
        given_up: dict[Ref, str] = {}
        for row in sorted(self.rows, key=lambda one: (KINDS[one.ref.kind].rank, one.ref)):
            if not lost or row.state != "planned" or row.op is Op.DELETE:
                continue
            kind, key = KINDS[row.ref.kind], row.ref.key
            needs = (*kind.stands_on(key), *kind.makes_sense_with(key))
            need = next((one for one in needs if one in lost), None)
            if need is not None:
                lost.add(row.ref)
                given_up[row.ref] = f"The {phrase(need)} can't be imported, and this needs it."
        self._give_up(given_up)

    def _give_up(self, why: Mapping[Ref, str]) -> None:
        self.rows = [
            replace(row, state="impossible", why=why[row.ref]) if row.ref in why else row
            for row in self.rows
        ]
        for ref in why:
            self.wanted.pop(ref, None)

    def _carried(self) -> None:
        """Add objects of the file whose names no URL can address: unchanged if they exist as in
        the file, else impossible."""
        for ref, one in self.definitions.carried.items():
            if why := why_not_import(self.user, self.broker, ref, one.spec):
                self.rows.append(Row(ref, Op.CREATE, "refused", why))
                continue
            there = self.live.carried.get(ref)
            if there is not None and compare(ref, one.spec, there.spec).op is Op.UNCHANGED:
                self.unchanged.append(ref)
                continue
            op = Op.CREATE if there is None else Op.UPDATE
            why = f"{one.why} Import it with rabbitmqctl import_definitions."
            self.rows.append(Row(ref, op, "impossible", why))

    def _known(self) -> Objects:
        """Return the broker's objects without those hidden from the person. So a permission of a
        hidden user gets the same answer as one of a missing user."""
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
        at, remedy = "", ""
        if state == "planned":
            found = why_not_possible(self.broker, self.facts, difference, before, spec)
            if found is not None:
                state, why = "impossible", found.sentence
                at, remedy = found.field, found.remedy
            for fault in without_effect(self.broker, self.facts, difference, before, spec):
                sentence = f"The {phrase(ref)}: {fault.sentence}"
                self.without_effect.append(Finding(Level.WARNING, "", None, "", sentence, ref))
        fields = tuple(
            {"name": f.name, "before": f.before, "after": f.after, "secret": f.secret}
            for f in (public_change(ref.kind, change) for change in difference.fields)
        )
        clears = tuple(cleared(ref, before, spec)) if spec is not None and before else ()
        self.rows.append(
            Row(ref, difference.op, state, why, fields, 0, difference, clears, at, remedy)
        )
        if state == "planned":
            self.wanted[ref] = spec
            self.rights[ref] = right

    def _prune(self) -> None:
        if any(one.ref is None for one in self.definitions.errors):
            # What can't be read may be any object, so none counts as missing in the file.
            self.without_effect.append(NOTHING_PRUNED)
            return
        missing, kept = missing_in(
            self.definitions, self.live.objects, self.options.vhost, self.broker, self.ownership
        )
        for ref in filter(self._may_import, kept):
            visible = [one for one in kept[ref] if self._may_import(one)]
            self.without_effect.append(kept_for(ref, kept[ref], visible))
        lacking = [ref for ref in missing if self._may_import(ref)]
        self.freed = standing_alone(lacking, self.live.objects)
        # An object that is deleted with another one isn't deleted separately.
        gone_with = set(touched_by(set(lacking), self.live.objects))
        for ref in (one for one in lacking if one not in gone_with):
            self._one(ref, None)

    def _may_import(self, ref: Ref) -> bool:
        return not why_not_import(self.user, self.broker, ref, self.live.objects[ref])

    def _mend_bindings(self) -> None:
        """Deleting a queue or an exchange deletes its bindings. Create those again that should
        exist."""
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

    def findings(self) -> tuple[Finding, ...]:
        """Return the findings, except those about objects that the console can't address and that
        match the file."""
        there = set(self.unchanged) & set(self.definitions.carried)
        on_file = [one for one in self.definitions.findings if one.ref not in there]
        return (*on_file, *self.kept, *self.without_effect)

    def seen(self) -> set[Ref]:
        """Return the objects that the fingerprint covers. Over hidden objects, it would reveal
        their changes."""
        return self.compared | set(self.wanted)

    def left_out(self) -> list[LeftOut]:
        """Return the skipped objects where the person may import; other people's stay hidden."""
        kept = self.live.not_addressed(self.options.vhost) if self.options.prune else []
        return [
            one
            for one in (*self.live.left_out_in(self.options.vhost), *kept)
            if may(self.user, Permission.DEFINITIONS_IMPORT, self.broker, one.vhost)
        ]

    def desired(self, ref: Ref) -> DesiredObject:
        spec, observed = self.wanted[ref], self.live.objects.get(ref)
        secrets = None
        if spec is not None:
            new = secrets_of_spec(ref.kind, spec)
            if new is not None and new != (observed and secrets_of_spec(ref.kind, observed)):
                secrets = new
            spec = told_spec(ref.kind, spec)
        guard: Mapping[str, int] = {}
        kind = KINDS[ref.kind]
        # Of what nothing else stands on, all that uses it is deleted by the same plan.
        unused = spec is None and kind.deleted_if_unused and ref in self.freed
        if unused or (kind.deleted_if_empty and self.options.force):
            guard = {"force": 1}
        elif spec is None and ref.kind in FACES:
            guard = FACES[ref.kind].rules.guard(self.broker, ref.key)
        return DesiredObject(
            broker=self.broker,
            ref=ref,
            spec=spec,
            observed=observed,
            permission=self.rights[ref],
            secrets=secrets,
            guard=guard,
            source=self.ownership.source if self.ownership else None,
        )
