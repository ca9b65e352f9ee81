"""Whether a proposal may still be accepted: a repeated request, an object that someone else
changed, or a plan that differs from the one that was shown. Pages, API and admin use it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from console.errors import AlreadyThere, IdempotencyMismatch, Stale
from console.kinds.common.kind import Key
from console.kinds.registry import phrase
from console.models import Change, ManagedObject

if TYPE_CHECKING:
    from console.engine.proposal import DesiredObject, Proposal

#: For a plan that has changed since it was shown.
PLAN_MOVED = (
    "The broker's state or the desired state has changed since this preview. "
    "Review the new plan, then confirm."
)


def first_change(author: Any, key: str, digest: str | None = None) -> Change | None:
    """Return the change that the author made with this idempotency key; None if there is none.
    `digest` None: a form, which has its own key. Raises IdempotencyMismatch if the key was used for
    another request.
    """
    found = Change.objects.filter(author=author, idempotency_key=key).first() if key else None
    if found is not None and digest is not None:
        refuse_other_request(found, digest)
    return found


def refuse_other_request(change: Change, digest: str) -> None:
    """Raises IdempotencyMismatch if the digest isn't the change's own."""
    if change.request_digest != digest:
        raise IdempotencyMismatch(
            "This idempotency key was used for a different request. Use a new key."
        )


def refuse_stale(desired: DesiredObject, generation: int) -> None:
    """Raises Stale, or AlreadyThere for a new object, if another change came first. `generation` is
    the object's current one."""
    if desired.expected_generation in (None, generation):
        return
    if desired.new:
        raise AlreadyThere(f"The {phrase(desired.ref)} was already requested. Edit it instead.")
    raise Stale(
        f"Someone else changed the {phrase(desired.ref)}. Reload it, then try again.",
        {"generation": generation},
    )


def refuse_stale_proposal(proposal: Proposal) -> None:
    """Do the same as `refuse_stale` for each desired object, without locks."""
    now = generations_of(
        [one for one in proposal.desired_objects if one.expected_generation is not None]
    )
    for desired in proposal.desired_objects:
        found = now.get((desired.broker.pk, desired.ref.kind, desired.ref.key))
        if found is not None:
            refuse_stale(desired, found)


def shown_digest(proposal: Proposal) -> str:
    """Return a digest of what a preview shows: observed state, generations and steps. A changed
    plan has another digest (PLAN_MOVED)."""
    plans: Sequence[Any] = list(proposal.plans.values())
    shown: list[Any] = [
        (plan.fingerprint, repr(plan.steps), repr(plan.unchanged)) for plan in plans
    ]
    if proposal.acts:
        shown.append([one.identity() for one in proposal.acts])
    shown.append(sorted(generations_of(proposal.desired_objects).items()))
    return hashlib.sha256(repr(shown).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def generations_of(desired_objects: Iterable[DesiredObject]) -> dict[tuple[int, str, Key], int]:
    """Return the current generation of each desired object by broker, kind and key; 0: never
    requested."""
    told = [
        ((desired.broker.pk, desired.ref.kind, desired.ref.key), desired.taken)
        for desired in desired_objects
    ]
    found = {identity: 0 for identity, _ in told}
    # Don't reveal the generation of an object that the person may not know of.
    asked = [identity for identity, taken in told if not taken]
    for broker, kind in sorted({(broker, kind) for broker, kind, _ in asked}):
        keys = [key for b, k, key in asked if (b, k) == (broker, kind)]
        rows = ManagedObject.objects.with_keys(keys).filter(broker=broker, kind=kind)
        for key, generation in rows.values_list("key", "generation"):
            found[broker, kind, tuple(key)] = generation
    return found
