"""The wire that most kinds share: one address for each object, below one collection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from console.rabbitmq.management.calls import Call, Get, Key, Row, Spec, Wire

__all__ = ["Body", "Call", "Get", "Named", "Row", "Spec", "Wire", "limits_by"]

Body = dict[str, Any]


class Named:
    """The `Wire` of objects at `/api/<collection>/<key…>`, listed at `/api/<collection>`:
    exchanges, queues, policies, permissions. `names` are the row's fields with the parts of the
    key. `spec` reads a row, `body` makes the body of a PUT. `columns` limits the listing to these
    fields, if whole rows are expensive. `on_one_node`: the objects answer 404 while their node is
    down. `unless_used` is the parameter of DELETE with which the broker refuses what is in use.
    """

    reads_before_delete = False

    def __init__(
        self,
        collection: str,
        names: tuple[str, ...],
        *,
        spec: Callable[[Row], Row],
        body: Callable[[Key, Spec], Body],
        columns: Sequence[str] = (),
        on_one_node: bool = False,
        unless_used: str = "if-empty",
    ) -> None:
        self.collection, self.names = collection, names
        self._spec, self._body = spec, body
        self._columns = columns
        self._on_one_node = on_one_node
        self._unless_used = unless_used

    def listing(self) -> Sequence[Get]:
        query = {"columns": ",".join([*self.names, *self._columns])} if self._columns else None
        return [Get((self.collection,), query)]  # type: ignore[arg-type]

    def one(self, key: Key) -> Sequence[Get]:
        return [Get((self.collection, *key))]

    def specs(self, *answers: Sequence[Row]) -> Iterator[tuple[Key, Row]]:
        for row in answers[0]:
            yield tuple(row[name] for name in self.names), self._spec(row)

    def writes(self, key: Key, spec: Spec, before: Spec | None) -> Iterable[Call]:
        yield Call("PUT", (self.collection, *key), self._body(key, spec))

    def delete(self, key: Key, answers: Sequence[Row], *, if_empty: bool) -> Call:
        query = {self._unless_used: "true"} if if_empty else None
        return Call("DELETE", (self.collection, *key), query=query)  # type: ignore[arg-type]

    def kept_while_down(self, key: Key) -> Get | None:
        if not self._on_one_node:
            return None
        # The listing without statistics still has them.
        query = {"disable_stats": "true", "columns": "name,state"}
        return Get((self.collection, key[0]), query)  # type: ignore[arg-type]

    def located(self, segments: Sequence[str], body: Mapping[str, Any]) -> Key | None:
        if len(segments) != len(self.names) + 1 or segments[0] != self.collection:
            return None
        return tuple(segments[1:])

    def spec_of_body(self, body: Mapping[str, Any]) -> Row:
        return self._spec(dict(body))


def limits_by(rows: Sequence[Row], name: str) -> dict[str, dict[str, int]]:
    """Return the limits by virtual host or user, from rows of vhost-limits or user-limits. `name`
    is the row's field with the owner: "vhost" or "user". Malformed rows are skipped."""
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        if isinstance(row.get("value"), dict) and isinstance(row.get(name), str):
            found.setdefault(row[name], {}).update(row["value"])
    return found


def limit_calls(
    collection: str, name: str, wanted: Mapping[str, int], before: Mapping[str, int]
) -> Iterator[Call]:
    """Yield the calls that turn the limits `before` into `wanted`. `name` is their virtual host or
    user."""
    for limit, value in wanted.items():
        if before.get(limit) != value:
            yield Call("PUT", (collection, name, limit), {"value": value})
    for limit in before:
        if limit not in wanted:
            yield Call("DELETE", (collection, name, limit))
