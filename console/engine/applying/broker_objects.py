"""Read and write the objects of one broker by kind and key, for the engine and the definitions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from console.kinds.common.kind import Key, Spec
from console.kinds.registry import KINDS
from console.rabbitmq.endpoint import Timeouts
from console.rabbitmq.http.exchange import BoundedHttp
from console.rabbitmq.management.calls import Call
from console.rabbitmq.management.objects import Listed, ObjectStore, Row
from console.rabbitmq.management.paths import Query


class BrokerObjects:
    """Objects of one broker. Thread-safe, as its `http` is. Every method raises BrokerError.
    `writes` is the timeout of each call that changes something; None: the same as for reads.
    `by_amqp`: as for ObjectStore."""

    def __init__(
        self,
        http: BoundedHttp,
        *,
        writes: Timeouts | None = None,
        by_amqp: Callable[[Call], bool] | None = None,
    ) -> None:
        self._store = ObjectStore(http, writes=writes, by_amqp=by_amqp)
        self.raw = self._store.raw

    def read(self, kind: str, key: Key) -> Row | None:
        """Return the object without the fields that this version doesn't report; None if it doesn't
        exist."""
        return self._store.read(KINDS[kind].wire, key)

    def read_all(self, kind: str) -> Listed:
        """Return every object of a kind, in one or two requests."""
        return self._store.read_all(KINDS[kind].wire)

    def read_each(
        self, kind: str, listed: Sequence[Row] | None = None
    ) -> Iterator[tuple[Row, tuple[Key, Row] | None]]:
        """Every row of a kind's listing, with the key and spec that it tells; None for an odd row.
        `listed`: the rows, if they were read already."""
        return self._store.read_each(KINDS[kind].wire, listed)

    def write(self, kind: str, key: Key, spec: Spec, before: Spec | None) -> None:
        """Write the canonical `spec`. `before` is what `read` just returned."""
        self._store.write(KINDS[kind].wire, key, spec, before)

    def may_write_together(self, kind: str, spec: Spec, before: Spec | None) -> bool:
        """Whether `write_together` would write everything that `write` does. Some fields have their
        own addresses, and an unknown secret must not be cleared."""
        fields = KINDS[kind].fields
        return KINDS[kind].goes_together(before) and not any(
            (field.secret and field.name not in spec)
            or (
                field.apart
                and spec.get(field.name, field.default)
                != (before or {}).get(field.name, field.default)
            )
            for field in fields
        )

    def write_together(self, kind: str, specs: Mapping[Key, Spec]) -> None:
        """Write many objects of a kind in one call. After an error, some may have been written.
        Requires the tag administrator."""
        found = KINDS[kind]
        rows = [
            {**dict(zip(found.identity, key, strict=True)), **_body(kind, key, spec)}
            for key, spec in specs.items()
        ]
        self._store.import_rows({found.section.name: rows})

    def delete(
        self, kind: str, key: Key, *, if_empty: bool = False, if_unused: bool = False
    ) -> None:
        """Delete the object; it is no error if it doesn't exist. With `if_empty`, the broker refuses
        to delete a queue that holds messages, or an exchange that is the source of bindings; with
        `if_unused`, a queue that has consumers."""
        self._store.delete(KINDS[kind].wire, key, if_empty=if_empty, if_unused=if_unused)

    # Addresses that belong to no kind

    def get(self, *segments: str, query: Query | None = None) -> Any:
        return self._store.get(*segments, query=query)

    def send(self, call: Call) -> None:
        """Send one call of an act. Success says that the broker carried it out."""
        self._store.send(call)

    def post(self, *segments: str, body: Any = None) -> None:
        self._store.send(Call("POST", segments, body))


def _body(kind: str, key: Key, spec: Spec) -> Row:
    call = next(iter(KINDS[kind].wire.writes(key, spec, spec)))
    return dict(call.body)
