"""Search objects of every kind by name, in the mirror tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import BooleanField, Case, Q, Value, When
from django.urls import NoReverseMatch, reverse

from console.faces.face import FACES, Face
from console.faces.ports import MAY
from console.models import Broker
from console.pages.context import icon_of
from console.pages.search.hits import Group, Hit
from console.pages.search.ranking import matching, rank_sql
from console.scope import Scope

#: One scan of the table: the matches, the best of them inside and outside the scope, their number.
_BEST = """
    WITH matching AS MATERIALIZED ({matching}),
    found AS MATERIALIZED (
        SELECT id, here, folded_0 AS label, {rank} AS rank FROM matching
    ),
    best AS (
        (SELECT * FROM found WHERE here ORDER BY rank, length(label), label, id LIMIT %s)
        UNION ALL
        (SELECT * FROM found WHERE NOT here ORDER BY rank, length(label), label, id LIMIT %s)
    )
    SELECT id, rank, here, (SELECT count(*) FROM found) FROM best
"""


@dataclass(frozen=True, slots=True)
class Most:
    """The most hits in a group, inside and outside the scope."""

    here: int
    elsewhere: int


def find_objects(
    text: str, user: Any, scope: Scope, brokers: Mapping[int, Broker], most: Most
) -> list[Group]:
    """Return a group for each kind with matches. `brokers` are those that the user can see, by ID.
    At most two queries per kind."""
    groups = []
    for order, face in enumerate(FACES.values()):
        if not (MAY.ask(user, face.rights.view) and (face.object_route or _list_of(face))):
            continue
        if group := _of_kind(face, order, text, user, scope, brokers, most):
            groups.append(group)
    return groups


def searched(face: Face) -> tuple[str, ...]:
    """Return the columns with the names by which an object is found."""
    at, names = face.kind.vhost_at, face.kind.identity
    in_vhost = tuple(name for place, name in enumerate(names) if place != at)
    return face.mirror.searched or in_vhost or names


def _of_kind(
    face: Face, order: int, text: str, user: Any, scope: Scope, brokers: Mapping[int, Broker], most: Most
) -> Group | None:  # fmt: skip
    best, total = _best(face, text, user, scope, brokers, most)
    if not best:
        return None
    rows: dict[Any, Any] = face.model._default_manager.in_bulk(list(best))
    hits = [
        _hit(face, rows[pk], brokers[rows[pk].broker_id], rank, is_here)
        for pk, (rank, is_here) in best.items()
        if pk in rows and rows[pk].broker_id in brokers
    ]
    if not hits:  # gone since
        return None
    everywhere = {"search": text}
    url = _list_of(face)
    return Group(
        key=face.name,
        label=face.kind.plural.capitalize(),
        hits=hits,
        total=total,
        all_url=f"{url}?{urlencode(everywhere)}" if url else "",
        order=order,
    )


def _best(
    face: Face, text: str, user: Any, scope: Scope, brokers: Mapping[int, Broker], most: Most
) -> tuple[dict[Any, tuple[int, bool]], int]:
    """Return rank and whether it is in the scope, by primary key, best first; and the number of
    all matches."""
    rows = face.model._default_manager.visible_to(user)  # type: ignore[attr-defined]
    if face.mirror.leaves:
        rows = rows.filter(**{face.mirror.leaves: None})
    columns = searched(face)
    folded = [f"folded_{at}" for at in range(len(columns))]
    found = matching(rows, columns, text).annotate(here=_is_here(face, scope, brokers))
    try:
        matches, of_matches = (
            found.order_by().values_list("id", "here", *folded).query.sql_with_params()
        )
    except EmptyResultSet:
        return {}, 0
    rank, of_rank = rank_sql(len(columns), text)
    with connection.cursor() as cursor:
        cursor.execute(
            _BEST.format(matching=matches, rank=rank),
            [*of_matches, *of_rank, most.here, most.elsewhere],
        )
        best = cursor.fetchall()
    return {pk: (rank, here) for pk, rank, here, _ in best}, best[0][3] if best else 0


def _is_here(face: Face, scope: Scope, brokers: Mapping[int, Broker]) -> Any:
    """Return the expression for whether a row is in the scope."""
    condition = Q()
    if scope.broker is not None:
        condition &= Q(broker=scope.broker.pk)
    elif scope.environment is not None:
        within = [pk for pk, one in brokers.items() if one.environment == scope.environment]
        condition &= Q(broker__in=within or [0])
    if scope.vhost is not None and face.kind.vhost_at is not None:
        condition &= Q(**{face.kind.identity[face.kind.vhost_at]: scope.vhost})
    if not condition:
        return Value(True, output_field=BooleanField())
    return Case(When(condition, then=True), default=False, output_field=BooleanField())


def _hit(face: Face, row: Any, broker: Broker, rank: int, is_here: bool) -> Hit:
    key = face.key_of(row)
    is_container = face.kind.is_container
    return Hit(
        kind=face.name,
        id=row.pk,
        name=key[-1] if len(searched(face)) == 1 else face.kind.phrase(key),
        url=_address(face, row, broker),
        icon=icon_of(face),
        rank=rank,
        broker=broker,
        vhost=None if is_container else face.vhost_of(row),
        is_here=is_here,
    )


def _address(face: Face, row: Any, broker: Broker) -> str:
    """Return the object's page; without one, the list with what it has in common with the object."""
    if face.object_route:
        return reverse(face.object_route, args=[row.pk])
    common = Scope.at(broker, face.vhost_of(row)).parameters()
    common["search"] = str(getattr(row, searched(face)[0]))
    return f"{_list_of(face)}?{urlencode(common)}"


def _list_of(face: Face) -> str:
    """Return the address of the kind's list; "" if it has none."""
    try:
        return reverse(face.route)
    except NoReverseMatch:
        return ""
