"""The sentences of a preview of policies: pages, dry runs, plans of several objects, deletions."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

from console.engine.proposal import DesiredObject
from console.kinds.common.kind import Key, Ref, Spec
from console.kinds.effective.select import Governing
from console.models import Broker
from vhosts.policies.read import Sort, governing, seen_in_all
from vhosts.policies.what_if.compare import Comparison, Outcome
from vhosts.policies.what_if.sentences import sentences
from vhosts.policies.what_if.subjects import MOST, subjects_in

#: Seconds that a preview compares queues, whatever the patterns.
_BUDGET = 2.0
_SORTS: Mapping[str, Sort] = {"policy": "P", "operator_policy": "OP"}


def notes_of_many(desired_objects: Sequence[DesiredObject]) -> dict[Ref, Sequence[str]]:
    """Return what each of the policies does, by object. Four queries for each broker."""
    brokers = {desired.broker.pk: desired.broker for desired in desired_objects}
    found: dict[Ref, list[str]] = {}
    for broker in brokers.values():
        of_broker = [one for one in desired_objects if one.broker.pk == broker.pk]
        said = _notes(broker, {one.ref: one.spec for one in of_broker})
        for ref, given in said.items():
            prefix = f"{broker.name}: " if len(brokers) > 1 else ""
            found.setdefault(ref, []).extend(f"{prefix}{sentence}" for sentence in given)
    return dict(found)


def notes(kind: str, broker: Broker, key: Key, spec: Spec | None) -> Iterable[str]:
    """Return what setting a policy, or deleting it (`spec` None), does."""
    return _notes(broker, {Ref(kind, key): spec})[Ref(kind, key)]


def matching(kind: str, broker: Broker, key: Key, spec: Spec) -> tuple[Outcome, Sequence[str]]:
    """Return what a policy as it is matches, and sentences about that. Four queries."""
    ((_, outcome, said),) = _compared(broker, {Ref(kind, key): spec})
    return outcome, said


def _notes(broker: Broker, specs: Mapping[Ref, Spec | None]) -> dict[Ref, Sequence[str]]:
    return {ref: said for ref, _, said in _compared(broker, specs)}


def _compared(
    broker: Broker, specs: Mapping[Ref, Spec | None]
) -> Iterator[tuple[Ref, Outcome, Sequence[str]]]:
    vhosts = sorted({ref.key[0] for ref in specs})
    seen, subjects = seen_in_all(broker, vhosts), subjects_in(broker, vhosts)
    most = MOST if subjects.is_cut else None
    ends = time.monotonic() + _BUDGET
    for vhost in vhosts:
        for kind, sort in _SORTS.items():
            changed: dict[str, Governing | None] = {
                ref.key[1]: None if spec is None else governing(ref.key[1], spec)
                for ref, spec in specs.items()
                if (ref.kind, ref.key[0]) == (kind, vhost)
            }
            comparison = Comparison(seen[vhost], sort, changed)
            for name, policy in changed.items():
                outcome = comparison.outcome(name, subjects.by_vhost[vhost], ends)
                said = sentences(outcome, sort, deleted=policy is None, most=most)
                yield Ref(kind, (vhost, name)), outcome, tuple(said)
