"""Numbers of bindings, and alternate exchanges by policy, computed by Postgres for the rows of a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce

from console.kinds.exchange import ALTERNATE
from console.models import Broker
from vhosts.models import Binding, Exchange, Policy

#: Of a binding whose source, or destination, is the exchange of the outer query.
_FROM = {"source": OuterRef("name")}
_TO = {"destination_type": "exchange", "destination": OuterRef("name")}


def annotated(rows: QuerySet[Exchange]) -> QuerySet[Exchange]:
    """Return exchanges with `bindings_from`, `bindings_to` and `policy_alternate`, the alternate
    exchange that its policy sets; None if it sets none."""
    return rows.annotate(
        bindings_from=_counted(_FROM),
        bindings_to=_counted(_TO),
        policy_alternate=Subquery(
            Policy.objects.filter(
                broker=OuterRef("broker"), vhost=OuterRef("vhost"), name=OuterRef("policy")
            ).values(said=KT(f"definition__{ALTERNATE}"))[:1]
        ),
    )


def unbound() -> Q:
    """Return the condition of an exchange without bindings in either direction. The default
    exchange isn't one: every queue is bound to it."""
    return ~Q(name="") & ~Exists(_of_outer(_FROM)) & ~Exists(_of_outer(_TO))


def bindings_of(broker: Broker, vhost: str, name: str) -> Mapping[str, int]:
    """Return the numbers of bindings with the exchange as the source and as the destination, as last
    seen: {"source", "destination"}. One query."""
    to = Q(destination_type="exchange", destination=name)
    found = Binding.objects.filter(Q(source=name) | to, broker=broker, vhost=vhost).aggregate(
        source=Count("pk", filter=Q(source=name)), destination=Count("pk", filter=to)
    )
    return {end: int(number) for end, number in found.items()}


def _of_outer(where: Mapping[str, Any]) -> QuerySet[Binding]:
    return Binding.objects.filter(broker=OuterRef("broker"), vhost=OuterRef("vhost"), **where)


def _counted(where: Mapping[str, Any]) -> Coalesce:
    grouped = _of_outer(where).order_by().values("vhost").annotate(number=Count("pk"))
    return Coalesce(Subquery(grouped.values("number")), 0)


def alternate_of(row: Exchange) -> tuple[str, str]:
    """Return the exchange's alternate exchange and what sets it, "argument" or "policy"; ("", "") if
    it has none. An argument takes precedence. One query, only if a policy applies."""
    if row.alternate_exchange is not None:
        return row.alternate_exchange, "argument"
    said = getattr(row, "policy_alternate", None)
    if row.policy and not hasattr(row, "policy_alternate"):
        found = Policy.objects.filter(broker=row.broker_id, vhost=row.vhost, name=row.policy)
        said = found.values_list(KT(f"definition__{ALTERNATE}"), flat=True).first()
    return (said, "policy") if said else ("", "")
