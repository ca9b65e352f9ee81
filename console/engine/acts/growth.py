"""Whether something would lose more than was confirmed."""

from __future__ import annotations

from collections.abc import Mapping

#: It proceeds with up to a tenth more than confirmed, and this many more messages: clients publish
#: all the time.
_TENTH_MORE = 1.1
_FEW_MESSAGES = 100


def has_grown(found: Mapping[str, int], confirmed: Mapping[str, int]) -> bool:
    """Whether a count is well above the confirmed one; what wasn't confirmed counts as 0."""
    return any(
        number > confirmed.get(name, 0) * _TENTH_MORE + (_FEW_MESSAGES if "messages" in name else 0)
        for name, number in found.items()
    )


def why_grown(
    found: Mapping[str, int], confirmed: Mapping[str, int], called: Mapping[str, str], noun: str
) -> str:
    """Return why it needs a new confirmation. `called` are the counts' names in the sentence, if
    they aren't their own; `noun` is the operation."""
    held, was = (
        " and ".join(f"{counts.get(name, 0):,} {called.get(name, name)}" for name in found)
        for counts in (found, confirmed)
    )
    return f"It holds {held} now; the {noun} was confirmed with {was}. Confirm this {noun} again."
