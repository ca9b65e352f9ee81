"""What the rules judge by: stored observations within a viewer's reach. No broker is called."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Max, Q, QuerySet, Window
from django.db.models.functions import RowNumber
from django.urls import reverse

from accessctl.authorize import AnyUser
from console.kinds.refusals.versions import version_of
from console.models import Broker
from vhosts.diagnosis.finding import FEW, Finding, Fix, Rule, Subject
from vhosts.models import ClusterReport, Exchange, IgnoredFinding, Policy, Queue

#: Rates that are older can't be evidence of traffic now.
_RATES_OLD = timedelta(minutes=10)
#: A report that is older says nothing about now.
REPORT_OLD = timedelta(hours=6)
#: The first version whose cheap listing of queues names their operator policies.
_NAMES_OPERATOR_POLICIES = (4, 2, 5)


@dataclass(frozen=True, slots=True)
class PolicyRow:
    pk: int
    broker_id: int
    vhost: str
    name: str
    definition: dict[str, Any]


class Ground:
    """Everything stored about some brokers that the viewer may see. `vhost` None: all of them."""

    def __init__(
        self, viewer: AnyUser, brokers: Iterable[Broker], vhost: str | None, now: datetime
    ) -> None:
        self.viewer, self.vhost, self.now = viewer, vhost, now
        self.brokers = list(brokers)
        self._ids = [broker.pk for broker in self.brokers]
        self._by_id = {broker.pk: broker for broker in self.brokers}

    def rows(self, model: Any, brokers: Sequence[Broker] | None = None) -> QuerySet[Any]:
        """Return the visible rows of a mirror table, of queues only those that exist."""
        ids = self._ids if brokers is None else [broker.pk for broker in brokers]
        found = model.objects.visible_to(self.viewer).filter(broker__in=ids).order_by()
        if model is Queue:
            found = found.present()
        if self.vhost is not None:
            found = found.filter(vhost=self.vhost)
        return found  # type: ignore[no-any-return]

    def broker(self, pk: int) -> Broker:
        return self._by_id[pk]

    @cached_property
    def policies(self) -> list[PolicyRow]:
        """All policies of these brokers: which settings are in force doesn't depend on who may see
        the policy. One query."""
        rows = Policy.objects.filter(broker__in=self._ids).order_by()
        if self.vhost is not None:
            rows = rows.filter(vhost=self.vhost)
        columns = ("pk", "broker_id", "vhost", "name", "definition")
        return [PolicyRow(*row) for row in rows.values_list(*columns) if isinstance(row[-1], dict)]

    def setting(self, *keys: str) -> list[PolicyRow]:
        """Return the policies that set any of the keys."""
        return [one for one in self.policies if any(key in one.definition for key in keys)]

    @cached_property
    def rates_at(self) -> dict[int, datetime]:
        """When a broker's rates were last read. Rows keep the time of their last change, so the
        broker's own time counts; without one, those of exchanges may still be known. Two queries,
        for brokers without it."""
        found = {one.pk: one.status.rates_at for one in self.brokers if one.status.rates_at}
        others = [pk for pk in self._ids if pk not in found]
        for model in (Queue, Exchange) if others else ():
            rows = model.objects.filter(broker__in=others, rates_at__isnull=False).order_by()  # type: ignore[attr-defined]
            for pk, at in rows.values_list("broker").annotate(at=Max("rates_at")):
                found[pk] = max(at, found.get(pk, at))
        return found

    @cached_property
    def reports(self) -> dict[int, ClusterReport]:
        return {row.pk: row for row in ClusterReport.objects.filter(broker__in=self._ids)}

    @cached_property
    def ignored(self) -> dict[tuple[str, int, str, str], IgnoredFinding]:
        """By rule, broker, virtual host and name."""
        rows = IgnoredFinding.objects.filter(broker__in=self._ids)
        return {(row.rule, row.broker_id, row.vhost, row.name): row for row in rows}

    def why_unknown(self, broker: Broker, need: str) -> str:
        """Return why the broker can't be judged by something, as a sentence; "" if it can."""
        status = broker.status
        if need == "rates":
            at = self.rates_at.get(broker.pk)
            if at is None:
                return status.rates_unknown or "No poll has read message rates yet."
            return "The message rates are out of date." if self.now - at > _RATES_OLD else ""
        if need == "consumers":
            if status.consumers_at is None:
                return "No source reports how many consumers each queue has."
            return ""
        if need == "depths":
            stale = status.is_stale(status.depths_at, self.now)
            return "The depths are out of date, or no poll has read them." if stale else ""
        if need == "nodes":
            if not status.nodes:
                return str(status.part_errors.get("nodes", "No poll has read the nodes yet."))
            stale = status.is_stale(status.vitals_at, self.now)
            return "The figures of the nodes are out of date." if stale else ""
        if need == "operator_policies_in_force":
            version = version_of(status.rabbitmq_version)
            if version is None or version < _NAMES_OPERATOR_POLICIES:
                return "Before 4.2.5, RabbitMQ doesn't report which operator policy a queue has."
            return status.why_unknown("operator_policies")
        if need.startswith("report."):
            return self._why_no_report(broker, need.removeprefix("report."))
        return status.why_unknown(need)

    def _why_no_report(self, broker: Broker, part: str) -> str:
        report = self.reports.get(broker.pk)
        if report is None or self.now - report.read_at > REPORT_OLD:
            return "No recent inventory has read it."
        if getattr(report, part) is None:
            return str(report.why.get(part, "The broker doesn't report it."))
        return ""

    def without_ignored(self, rule: Rule, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Leave out objects that somebody ignored for this rule one by one."""
        leave = Q()
        for name, broker, vhost, subject in self.ignored:
            if name == rule.name and subject:
                leave |= Q(broker=broker, vhost=vhost, name=subject)
        return rows.exclude(leave) if leave else rows

    def ignored_among(self, rule: Rule, broker_id: int, vhost: str) -> int:
        place = (rule.name, broker_id, vhost)
        return sum(1 for key in self.ignored if key[:3] == place and key[3])


def folded(
    ground: Ground,
    rule: Rule,
    rows: QuerySet[Any],
    *,
    sentence: Callable[[int, str], str],
    route: str = "queue",
    columns: Sequence[str] = (),
    evidence: Callable[[dict[str, Any]], str] = lambda row: "",
    worst: str = "name",
    at: Callable[[Broker], datetime | None] = lambda broker: broker.status.inventory_at,
    fixes: Callable[[Broker, str, list[dict[str, Any]], int], Iterable[Fix]] = lambda *_: (),
) -> Iterator[Finding]:
    """Yield one finding for each virtual host that has such rows. One query.

    `sentence` gets the number of rows and the first one's name; `worst` is the column by which the
    named ones are chosen.
    """
    places = ["broker_id", "vhost"]
    chosen = (
        ground.without_ignored(rule, rows)
        .annotate(
            place=Window(RowNumber(), partition_by=places, order_by=[worst, "pk"]),
            among=Window(Count("pk"), partition_by=places),
        )
        .filter(place__lte=FEW)
        .order_by("broker_id", "vhost", "place")
        .values("pk", "name", "among", *places, *columns)
    )
    groups: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for row in chosen:
        groups.setdefault((row["broker_id"], row["vhost"]), []).append(row)
    for (broker_id, vhost), found in groups.items():
        broker, number = ground.broker(broker_id), found[0]["among"]
        yield Finding(
            rule=rule,
            broker=broker,
            vhost=vhost,
            sentence=sentence(number, found[0]["name"] or "(default exchange)"),
            at=at(broker),
            count=number,
            subjects=tuple(
                Subject(row["name"], reverse(route, args=[row["pk"]]), evidence(row))
                for row in found
            ),
            fixes=tuple(fixes(broker, vhost, found, number)),
            weight=number,
            ignored_subjects=ground.ignored_among(rule, broker_id, vhost),
        )


def link(route: str, *args: Any, **query: Any) -> str:
    """Return the URL of a route with a query."""
    url = reverse(route, args=args)
    return f"{url}?{urlencode(query)}" if query else url
