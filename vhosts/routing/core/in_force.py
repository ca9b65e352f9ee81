"""The settings in force that decide where a message goes, with where each comes from.

`console.kinds.effective` decides which value counts; here it is put in words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from threading import Lock
from typing import Any

from console.kinds.effective import settings as effective
from console.kinds.effective.select import EXCHANGE, Choice, Target
from console.kinds.refusals.versions import BrokerFacts
from vhosts.routing.core.text import shown
from vhosts.routing.core.topology import Setting

_ALTERNATE = "alternate-exchange"
_TIED = ", or another policy with the same priority"


class Settled(Mapping[str, Setting]):
    """Settings that are worked out when they are first read: a message reaches few of many queues."""

    def __init__(self, work_out: Callable[[], Mapping[str, Setting]]) -> None:
        self._work_out = work_out
        self._found: Mapping[str, Setting] | None = None

    def __getitem__(self, key: str) -> Setting:
        return self._settings()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._settings())

    def __len__(self) -> int:
        return len(self._settings())

    def _settings(self) -> Mapping[str, Setting]:
        if self._found is None:
            self._found = self._work_out()
        return self._found


class Deciding:
    """Decides by the policies of a virtual host. `choose` returns the policies and operator policies that
    match; it is called by one thread at a time."""

    def __init__(
        self, choose: Callable[[Target], tuple[Choice, Choice]], facts: BrokerFacts
    ) -> None:
        self._choose = choose
        self._facts = facts
        self._lock = Lock()

    def of_queue(self, name: str, of_type: str, arguments: Mapping[str, Any]) -> Settled:
        """Return the settings in force by their names in policies."""
        return Settled(lambda: self._settings(Target(name, of_type, arguments)))

    def alternate(self, name: str, arguments: Mapping[str, Any]) -> Setting | None:
        """Return the alternate exchange in force."""
        found = self._settings(Target(name, EXCHANGE, arguments)).get(_ALTERNATE)
        return found if found is not None and isinstance(found.value, str) else None

    def _settings(self, target: Target) -> dict[str, Setting]:
        with self._lock:
            policy, operator = self._choose(target)
        found = effective.in_force(target, policy, operator, self._facts)
        settings = {one.key: _in_words(one, target) for one in found.settings if _counts(one)}
        for key, ways in found.unsure.items():
            one = next((way for way in ways if _counts(way)), None)
            if one is not None:
                settings[key] = Setting(one.value, _in_words(one, target).source + _TIED)
        return settings


def sets_alternates(definition: Mapping[str, Any]) -> bool:
    return _ALTERNATE in definition


def _counts(setting: effective.Setting) -> bool:
    return setting.value is not None and not setting.no_effect


def _in_words(setting: effective.Setting, target: Target) -> Setting:
    candidate = setting.candidate
    argument = setting.key if target.type == EXCHANGE else f"x-{setting.key}"
    sources = {
        "A": f"the argument {argument}",
        "P": f"the policy {shown(candidate.name)}",
        "OP": f"the operator policy {shown(candidate.name)}",
    }
    return Setting(setting.value, sources.get(candidate.source, "RabbitMQ's default"))
