"""Headers exchanges: all, any, all-with-x and any-with-x.

Without `-with-x`, names that start with x- are ignored. A null in a binding matches any value. Types
matter: 1 isn't "1", and since 4.0 it isn't 1.0 either. An empty list equals an empty table, because
both are the empty list in Erlang. Source: `rabbit_exchange_type_headers.erl`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from vhosts.routing.core.matching.matcher import Matched, Message
from vhosts.routing.core.text import counted, shown, typed, valued
from vhosts.routing.core.topology import Binding

_MODES = ("all", "any", "all-with-x", "any-with-x")
#: As the management API lists a null.
_LISTED_NULL = "undefined"


@dataclass(frozen=True, slots=True)
class _Conditions:
    mode: str
    #: Names and values that are compared.
    wanted: tuple[tuple[str, Any], ...]

    @property
    def needs_all(self) -> bool:
        return self.mode.startswith("all")


def conditions_of(binding: Binding) -> _Conditions:
    mode = binding.arguments.get("x-match")
    mode = mode if isinstance(mode, str) and mode in _MODES else "all"
    with_x = mode.endswith("-with-x")
    return _Conditions(
        mode,
        tuple(
            (name, value)
            for name, value in binding.arguments.items()
            if name != "x-match" and (with_x or not name.startswith("x-"))
        ),
    )


class Headers:
    """The bindings of a headers exchange, found by what they want, so that matching costs the number
    of conditions that the message meets.

    `loose`: 1 equals 1.0, as before 4.0; None: unknown, so such a match is possible only. `listed`: see
    Topology.
    """

    def __init__(self, bindings: Sequence[Binding], loose: bool | None, listed: bool) -> None:
        self.bindings = bindings
        self._loose, self._listed = loose, listed
        self._conditions = [conditions_of(binding) for binding in bindings]
        self._by_value: dict[tuple[str, Hashable], list[int]] = {}
        self._by_name: dict[str, list[int]] = {}
        #: Conditions that can't be decided: a listed null, or numbers if the version is unknown.
        self._unsure: dict[str, list[int]] = {}
        self._always = []
        for at, conditions in enumerate(self._conditions):
            if not conditions.wanted and conditions.needs_all:
                self._always.append(at)
            for name, value in conditions.wanted:
                if value is None:
                    self._by_name.setdefault(name, []).append(at)
                    continue
                if self._is_unsure(value):
                    self._unsure.setdefault(name, []).append(at)
                self._by_value.setdefault((name, self._form(value)), []).append(at)

    def match(self, message: Message) -> Matched:
        met, possible = self._counts(message)
        sure = {at for at, number in met.items() if self._enough(at, number)}.union(self._always)
        maybe = {
            at for at in possible if at not in sure and self._enough(at, met[at] + possible[at])
        }
        return Matched(
            sure=[self.bindings[at] for at in sorted(sure)],
            maybe=[self.bindings[at] for at in sorted(maybe)],
        )

    def why(self, binding: Binding, message: Message) -> str:
        conditions = conditions_of(binding)
        if not conditions.wanted:
            return "a binding without header conditions matches every message"
        unsure = [
            name for name, value in conditions.wanted if self._may(name, value, message) is None
        ]
        met = [one for one in conditions.wanted if self._may(*one, message)]
        if unsure and (conditions.needs_all or not met):
            return (
                f"it depends on the header {shown(unsure[0])}: the binding's value is null, which matches "
                'anything, or the text "undefined"; the broker lists both alike'
                if self._listed and conditions_value(conditions, unsure[0]) == _LISTED_NULL
                else f"it depends on the header {shown(unsure[0])}: whether 1 equals 1.0 depends on the "
                "broker's version"
            )
        said = " and ".join(
            f"{shown(name)} is {valued(value) if value is not None else 'present'}"
            for name, value in met[:3]
        ) + (f" and {len(met) - 3} more" if len(met) > 3 else "")
        if conditions.needs_all:
            return f"{'the header' if len(met) == 1 else f'all {len(met)} headers'} match: {said}"
        return f"one match is enough: {said}"

    def why_not(self, binding: Binding, message: Message) -> tuple[float, str]:
        conditions = conditions_of(binding)
        off = [one for one in conditions.wanted if not self._may(*one, message)]
        if not conditions.wanted:
            return (
                9,
                f"x-match is {conditions.mode} and the binding names no header, so nothing matches",
            )
        reasons = [self._off(name, value, message) for name, value in off[:2]]
        said = ", ".join(reasons) + (f" (and {len(off) - 2} more)" if len(off) > 2 else "")
        if conditions.needs_all:
            return len(off), said
        return 1, f"none of {counted(len(conditions.wanted), 'header')} matches: {said}"

    def nearest(self, message: Message, limit: int) -> Sequence[Binding]:
        if len(self.bindings) <= limit:
            return self.bindings
        met, _ = self._counts(message)
        by_lack = sorted(met, key=lambda at: len(self._conditions[at].wanted) - met[at])
        return [self.bindings[at] for at in by_lack[:limit]] or self.bindings[:limit]

    def _counts(self, message: Message) -> tuple[Counter[int], Counter[int]]:
        """How many conditions of each binding are met, and how many more may be."""
        met: Counter[int] = Counter()
        possible: Counter[int] = Counter()
        for name, value in message.headers.items():
            exact = self._by_value.get((name, self._form(value)), ())
            met.update(exact)
            met.update(self._by_name.get(name, ()))
            taken = set(exact)
            for at in self._unsure.get(name, ()):
                wanted = conditions_value(self._conditions[at], name)
                if at not in taken and self._may(name, wanted, message) is None:
                    possible[at] += 1
        return met, possible

    def _enough(self, at: int, number: int) -> bool:
        conditions = self._conditions[at]
        return number >= (len(conditions.wanted) if conditions.needs_all else 1)

    def _may(self, name: str, wanted: Any, message: Message) -> bool | None:
        if name not in message.headers:
            return False
        value = message.headers[name]
        if wanted is None or self._form(wanted) == self._form(value):
            return True
        if self._listed and wanted == _LISTED_NULL:
            return None
        numbers = _is_number(wanted) and _is_number(value) and wanted == value
        return None if numbers and self._loose is None else False

    def _off(self, name: str, wanted: Any, message: Message) -> str:
        if name not in message.headers:
            return f"header {shown(name)} is missing"
        value = message.headers[name]
        alike = isinstance(value, str) is not isinstance(wanted, str)
        if alike or (_is_number(wanted) and _is_number(value) and wanted == value):
            return f"header {shown(name)} is {typed(value)}, not {typed(wanted)}"
        return f"header {shown(name)} is {valued(value)}, not {valued(wanted)}"

    def _is_unsure(self, value: Any) -> bool:
        return (self._listed and value == _LISTED_NULL) or (
            self._loose is None and _is_number(value)
        )

    def _form(self, value: Any) -> Hashable:
        """What equal values share."""
        if _is_number(value) and self._loose:
            return ("number", value)
        if value in ([], {}):
            return "empty"
        return _strict(value)


def conditions_value(conditions: _Conditions, name: str) -> Any:
    return next(value for one, value in conditions.wanted if one == name)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _strict(value: Any) -> Hashable:
    """Within lists and tables, types always count."""
    if isinstance(value, list):
        return ("list", tuple(_strict(one) for one in value))
    if isinstance(value, dict):
        return ("table", tuple(_pairs(value)))
    return (type(value).__name__, value)


def _pairs(value: dict[str, Any]) -> Iterator[Hashable]:
    for name in sorted(value):
        yield (name, _strict(value[name]))
