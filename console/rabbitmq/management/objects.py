"""Read, write and delete objects of any kind, with the kind's wire.

A 2xx proves nothing, so the caller reads back. PUT isn't PATCH on this API: a user written without
a password hash loses its password, a vhost without description and tags loses them. So `write`
always sends the whole object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from console.rabbitmq.endpoint import Timeouts
from console.rabbitmq.errors import (
    AccessRefused,
    MalformedAnswer,
    NotFound,
    PathRewritten,
    Rejected,
    Unreachable,
)
from console.rabbitmq.http.exchange import BoundedHttp
from console.rabbitmq.http.refusals import error_for_status
from console.rabbitmq.management.answers import decoded, rows_of
from console.rabbitmq.management.calls import Call, Get, Key, Row, Spec, Wire
from console.rabbitmq.management.escapes import Escapes
from console.rabbitmq.management.paths import Query, path

__all__ = ["Key", "Listed", "ObjectStore", "Row"]

Listed = dict[Key, Row]
_NO_SUCH_ROUTE = (404, 405)
_NOT_LET_THROUGH = (405, 501)
_ODD_ROW = (KeyError, TypeError, ValueError)


class ObjectStore:
    """The objects of one broker. Safe to use from threads, as its `http` is.

    Every method can raise BrokerError. `writes` are the timeouts of calls that change something, in
    seconds; None: the same as for reads. `by_amqp` does over AMQP what a call asks if HTTP doesn't
    let it through, and returns False for what AMQP can't do.
    """

    def __init__(
        self,
        http: BoundedHttp,
        *,
        writes: Timeouts | None = None,
        by_amqp: Callable[[Call], bool] | None = None,
    ) -> None:
        self._http = http
        self._writes = writes
        self._by_amqp = by_amqp
        self._escapes = Escapes(http)

    def read(self, wire: Wire, key: Key) -> Row | None:
        """Return the object's spec, without fields that this version doesn't report; None if it
        doesn't exist.

        If a proxy rewrites the path, a 404, a refusal or another object's row proves nothing. Then
        the listing of the kind is read, whose path contains no name. Raises Unreachable for a queue
        on a node that is down: RabbitMQ answers 404 for it. Raises MalformedAnswer for an answer
        about another object.
        """
        try:
            return self._read_one(wire, key)
        except NotFound:
            if self._escapes.prove(*key):
                self._must_not_be_down(wire, key)
                return None
        except (MalformedAnswer, Rejected):
            if self._escapes.prove(*key):
                raise
        return self.read_all(wire).get(key)

    def _read_one(self, wire: Wire, key: Key) -> Row:
        """Read the object with `wire.one`. Raises NotFound."""
        first, *more = wire.one(key)
        answer = self.get(*first.segments, query=first.query)
        answers = [rows_of([answer] if isinstance(answer, dict) else answer)]
        answers += [self._rows(get) for get in more]
        try:
            found = dict(wire.specs(*answers))
        except _ODD_ROW as error:
            raise MalformedAnswer("The broker's answer lacks a name.") from error
        if key in found:
            return found[key]
        if isinstance(answer, dict):
            raise MalformedAnswer(
                "The broker's answer is about a different object than the one requested."
            )
        raise NotFound("")

    def _must_not_be_down(self, wire: Wire, key: Key) -> None:
        listing = wire.kept_while_down(key)
        if listing is None:
            return
        try:
            if all(node.get("running") for node in self._rows(Get(("nodes",)))):
                return
        except AccessRefused:  # unknown then: the listing decides
            pass
        if any(row.get("name") == key[-1] for row in self._rows(listing)):
            raise Unreachable("The node that holds the queue is down.")

    def read_all(self, wire: Wire) -> Listed:
        """Return the spec of every object of the kind, by key, in one or two requests.

        Empty means that the broker has none that this user can see. Raises MalformedAnswer if a row
        lacks its name.
        """
        answers = [self._rows(get) for get in wire.listing()]
        try:
            return dict(wire.specs(*answers))
        except _ODD_ROW as error:
            raise MalformedAnswer("A row of the broker's answer lacks its name.") from error

    def read_each(
        self, wire: Wire, listed: Sequence[Row] | None = None
    ) -> Iterator[tuple[Row, tuple[Key, Row] | None]]:
        """As `read_all`, row by row: yield each row of the first listing with the key and spec that it tells, None
        for a row that lacks its name. `listed`: the rows of a kind with one listing, if they were read already."""
        rows, *others = (
            [listed] if listed is not None else [self._rows(get) for get in wire.listing()]
        )
        for row in rows:
            try:
                found = list(wire.specs([row], *others))
            except _ODD_ROW:
                yield row, None
            else:
                yield from ((row, one) for one in found)

    def write(self, wire: Wire, key: Key, spec: Spec, before: Spec | None) -> None:
        """Send the calls that give the object the canonical `spec`. `before` comes from `read`.

        If a call raises an error, earlier calls of the same object may have taken effect.
        """
        for call in wire.writes(key, spec, before):
            self.send(call)

    def delete(
        self, wire: Wire, key: Key, *, if_empty: bool = False, if_unused: bool = False
    ) -> None:
        """Delete the object. A missing object is no error.

        With `if_empty`, the broker refuses to delete an object that is in use (Rejected); with
        `if_unused`, a queue that has consumers.
        """
        try:
            rows: Sequence[Row] = ()
            if wire.reads_before_delete:
                proven = self._escapes.prove(*key)
                rows = self._rows(wire.one(key)[0] if proven else wire.listing()[0])
            call = wire.delete(key, rows, if_empty=if_empty)
            if if_unused:
                call = replace(call, query={**(call.query or {}), "if-unused": "true"})
            self.send(call)
        except NotFound:
            return

    def import_rows(self, sections: Mapping[str, Sequence[Row]]) -> None:
        """Create or update many objects with one import of definitions.

        `sections` maps a section of a definitions file to its rows. For thousands of objects it
        costs a third of single calls. After an error, some objects may have been written. Needs the
        tag administrator (AccessRefused).
        """
        self.send(Call("POST", ("definitions",), dict(sections)))

    # HTTP

    def raw(self, target: str) -> bytes:
        """GET `target`, an escaped path with its query, and return the JSON undecoded."""
        return self._http.get(target)

    def get(self, *segments: str, query: Query | None = None) -> Any:
        """GET the path of `segments` after /api/ and return the decoded JSON. Raises NotFound for a 404."""
        return decoded(self._http.get(path(*segments, query=query)))

    def send(self, call: Call) -> None:
        """Send one write. Success proves nothing: read back.

        Raises BrokerError, and PathRewritten before anything is sent if a proxy would change the
        path.
        """
        try:
            self._send(call)
        except (AccessRefused, PathRewritten, Rejected) as error:
            # Nothing has been done. 405 is a proxy's word: RabbitMQ has these addresses.
            stopped = not isinstance(error, Rejected) or error.status in _NOT_LET_THROUGH
            if not stopped or self._by_amqp is None or not self._by_amqp(call):
                raise

    def _send(self, call: Call) -> None:
        target = path(*call.segments, query=call.query)
        self._escapes.must_be_kept(target)
        body = None if call.body is None else msgspec.json.encode(call.body)
        answer = self._http.exchange(
            call.method,
            target,
            body=body,
            timeouts=self._writes,
            headers=dict(call.headers) if call.headers else None,
        )
        if answer.ok:
            return
        if call.missing and answer.status in _NO_SUCH_ROUTE:
            raise Rejected(call.missing, status=answer.status)
        raise error_for_status(answer.status, answer.body)

    def _rows(self, get: Get) -> list[Row]:
        return rows_of(self.get(*get.segments, query=get.query))
