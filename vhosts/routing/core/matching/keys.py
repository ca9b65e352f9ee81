"""Direct and fanout exchanges: the whole key, or none of it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from vhosts.routing.core.matching.matcher import Matched, Message
from vhosts.routing.core.text import shown
from vhosts.routing.core.topology import Binding


class Direct:
    """A binding matches if its key equals the message's."""

    def __init__(self, bindings: Sequence[Binding]) -> None:
        self.bindings = bindings
        self._by_key: dict[str, list[Binding]] = {}
        for binding in bindings:
            self._by_key.setdefault(binding.key, []).append(binding)
        self._keys: list[str] | None = None

    def match(self, message: Message) -> Matched:
        keys = dict.fromkeys(message.keys)
        return Matched(sure=[one for key in keys for one in self._by_key.get(key, ())])

    def why(self, binding: Binding, message: Message) -> str:
        return (
            f"key {shown(binding.key)} equals the binding key"
            if binding.key
            else "both keys are empty"
        )

    def why_not(self, binding: Binding, message: Message) -> tuple[float, str]:
        distance, key = min((_distance(key, binding.key), key) for key in message.keys)
        said = f"key {shown(key)}" if key else "the empty key"
        want = shown(binding.key) if binding.key else "empty"
        hint = ""
        if key.lower() == binding.key.lower():
            hint = ": upper and lower case differ"
        elif key.strip() == binding.key.strip():
            hint = ": spaces at an end differ"
        elif "*" in binding.key or "#" in binding.key:
            hint = ": a direct exchange takes * and # literally"
        return distance, f"{said} doesn't equal the binding key, {want}{hint}"

    def nearest(self, message: Message, limit: int) -> Sequence[Binding]:
        if len(self.bindings) <= limit:
            return self.bindings
        if self._keys is None:
            self._keys = sorted(self._by_key)
        found: list[Binding] = []
        for key in message.keys:
            at = bisect_left(self._keys, key)
            for near in self._keys[max(at - limit // 2, 0) : at + limit // 2]:
                found += self._by_key[near][: limit - len(found)]
        return found


class Fanout:
    """Every binding matches. `reason` says why."""

    def __init__(self, bindings: Sequence[Binding], reason: str) -> None:
        self.bindings = bindings
        self._reason = reason

    def match(self, message: Message) -> Matched:
        return Matched(sure=self.bindings)

    def why(self, binding: Binding, message: Message) -> str:
        return self._reason

    def why_not(self, binding: Binding, message: Message) -> tuple[float, str]:
        return 0, ""

    def nearest(self, message: Message, limit: int) -> Sequence[Binding]:
        return ()


def _distance(one: str, other: str) -> float:
    if one.lower() == other.lower() or one.strip() == other.strip():
        return 0.5
    mine, theirs = one.split("."), other.split(".")
    off = sum(left != right for left, right in zip(mine, theirs, strict=False))
    return off + abs(len(mine) - len(theirs)) + (0.5 if not one.startswith(other[:3]) else 0)
