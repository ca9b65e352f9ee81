"""Check a definitions file by the rules of forms, API and broker (version and plugins).

Only what the import would change is checked. What is on the broker already may stay as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from console.engine.applying.own_login import lock_out
from console.engine.supported import faults_of_step
from console.errors import InvalidField
from console.faces.face import FACES
from console.kinds.common.kind import Op, Spec
from console.kinds.common.placeholders import placeholder_of_name, placeholder_of_uri
from console.kinds.refusals.versions import BrokerFacts, Fault
from console.kinds.registry import KINDS
from console.models import Broker
from console.reconcile.diff import Difference
from console.reconcile.disclose import sets_secret


def why_not_possible(
    broker: Broker,
    facts: BrokerFacts,
    difference: Difference,
    before: Spec | None,
    after: Spec | None,
) -> Fault | None:
    """Return why the step isn't possible; None if it is."""
    ref = difference.ref
    refused = [one for one in _of_face(broker, facts, difference, before, after) if one.refuses]
    if refused:
        return refused[0]
    if found := lock_out(broker, ref, before, after, new_password=sets_secret(difference)):
        return Fault(found.field, found.message)
    if after is None or difference.op is Op.DELETE:
        return None
    if fault := _unfilled(difference, after):
        return fault
    if ref.kind in FACES:
        changed = {field.name for field in difference.fields}
        fields = {name: after[name] for name in changed if name in after}
        try:
            FACES[ref.kind].rules.check_changed(broker, ref.key, fields)
        except InvalidField as error:
            return Fault(error.field, error.message)
    refused = [fault for fault in faults_of_step(difference, after, facts) if fault.refuses]
    return refused[0] if refused else None


def without_effect(
    broker: Broker,
    facts: BrokerFacts,
    difference: Difference,
    before: Spec | None,
    after: Spec | None,
) -> Iterator[Fault]:
    """Yield what the broker accepts in the step but ignores, or may refuse."""
    for one in (
        *faults_of_step(difference, after, facts),
        *_of_face(broker, facts, difference, before, after),
    ):
        if not one.refuses:
            yield one


def _of_face(
    broker: Broker,
    facts: BrokerFacts,
    difference: Difference,
    before: Spec | None,
    after: Spec | None,
) -> Iterable[Fault]:
    ref = difference.ref
    if ref.kind not in FACES or difference.equal:
        return ()
    rules = FACES[ref.kind].rules
    return rules.of_file(broker, facts, ref.key, before, after, sets_secret(difference))


def _unfilled(difference: Difference, after: Spec) -> Fault | None:
    """Return the fault if a placeholder is in the name of a new object or in a URI; None if there
    is none."""
    ref = difference.ref
    if difference.op is Op.CREATE:
        part, found = placeholder_of_name(KINDS[ref.kind].identity, ref.key)
        if found:
            return Fault(part, f"The {part} holds the placeholder {found}. Fill it in.")
    name, found = placeholder_of_uri(after)
    if found and any(field.name == name for field in difference.fields):
        return Fault(name, f"A URI in it holds the placeholder {found}. Fill it in.")
    return None
