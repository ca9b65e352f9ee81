"""What a type of alert rule is, and how its condition is judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from console.models import Broker, BrokerStatus
from console.models.broker_states import ANSWERING
from vhosts.alerts.tables.choices import SubjectKind
from vhosts.alerts.tables.rules import AlertRule

QUEUES, EXCHANGES = "vhosts_queue", "vhosts_exchange"
PATTERNS = frozenset({"vhost_pattern", "queue_pattern"})


class Verdict(StrEnum):
    """`held`: beyond the threshold. `loose`: only beyond the clear threshold, so an open incident
    stays open and none begins. `clear`: neither. `unknown`: the figure isn't known."""

    HELD = "held"
    LOOSE = "loose"
    CLEAR = "clear"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Seen:
    """A broker and what is known of it at `now`. `answers`: its last poll is fresh enough."""

    broker: Broker
    status: BrokerStatus
    now: datetime
    #: What several rules of one evaluation read, by a name.
    read: dict[str, Any] = field(default_factory=dict)

    @property
    def answers(self) -> bool:
        return self.status.shown_state(self.now) in ANSWERING

    def nodes(self) -> list[dict[str, Any]]:
        return [node for node in self.status.nodes if isinstance(node, dict)]


@dataclass(frozen=True, slots=True)
class Figure:
    """The value of a rule's type for one subject. `value` None: unknown. `detail` is one sentence
    of evidence."""

    value: float | None
    detail: str = ""
    kind: str = SubjectKind.BROKER
    vhost: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Columns:
    """How a type reads its value from each row of a table, as SQL over the row `q`.

    `value` is its expression, `unknown` the condition for not knowing it, `only` one more condition
    for the rule to hold, `detail` a text. `%(…)s` stands for the rule's `arguments` and for `now`,
    {messages} for the column of the rule's message type, {average} for its average in a rollup `h`.
    """

    table: str
    value: str
    unknown: str
    detail: str
    only: str = "TRUE"
    #: Parameters of the rule used in the SQL, as `%(name)s`.
    arguments: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        return SubjectKind.QUEUE if self.table == QUEUES else SubjectKind.EXCHANGE


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number or list of words that only this type uses: a key of AlertRule.parameters."""

    name: str
    label: str
    default: float | int | list[str]
    unit: str = ""


@dataclass(frozen=True, slots=True)
class RuleType:
    """A type of rule. It has either `columns`, or `figures`, which returns the figures of all
    subjects whose value is not that of a missing one (`absent_is_clear`).

    `why_not` returns a sentence if the type can't be evaluated for a broker now, else "".
    `threshold` False: the value is 1 while the condition holds and 0 otherwise.
    `below`: it fires below the threshold, not above it.
    """

    key: str
    label: str
    about: SubjectKind
    #: What the value is, for a form: "Messages ready".
    measures: str
    unit: str = ""
    threshold: bool = True
    below: bool = False
    #: Fields of the rule that the type uses beside the threshold.
    uses: frozenset[str] = frozenset()
    parameters: tuple[Parameter, ...] = ()
    columns: Columns | None = None
    figures: Callable[[Seen, AlertRule], Iterable[Figure]] | None = None
    #: Instead of `figures`, for a type about the console itself.
    of_console: Callable[[datetime, AlertRule], Iterable[Figure]] | None = None
    why_not: Callable[[Seen, AlertRule], str] = field(default=lambda seen, rule: "")
    #: A subject without a figure is fine, not gone.
    absent_is_clear: bool = False
    #: It is evaluated even if the broker can't be seen.
    needs_no_answer: bool = False
    #: It changes only with an inventory, so a poll doesn't evaluate it.
    by_inventory: bool = False

    @property
    def subtitle(self) -> str:
        """What the type is about, for a form: "Messages in a queue. One alert for each queue."."""
        if self.about == SubjectKind.CONSOLE:
            return f"{self.label}. About the console itself."
        return f"{self.label}. One alert for each {SubjectKind(self.about).label.lower()}."

    def judge(self, rule: AlertRule, value: float | None) -> Verdict:
        """Return the verdict on a value."""
        if value is None:
            return Verdict.UNKNOWN
        if not self.threshold:
            return Verdict.HELD if value else Verdict.CLEAR
        limit, clear = self.limits(rule)
        if (value < limit) if self.below else (value > limit):
            return Verdict.HELD
        return (
            Verdict.LOOSE if ((value < clear) if self.below else (value > clear)) else Verdict.CLEAR
        )

    def limits(self, rule: AlertRule) -> tuple[float, float]:
        """Return the rule's threshold and clear threshold."""
        limit = 0.0 if rule.threshold is None else rule.threshold
        return limit, limit if rule.clear_threshold is None else rule.clear_threshold

    def parameter(self, rule: AlertRule, name: str) -> Any:
        """Return a parameter of the rule, or its default."""
        defaults: Mapping[str, Any] = {one.name: one.default for one in self.parameters}
        return rule.parameters.get(name, defaults[name])
