"""What a user may do in a virtual host: three patterns over names.

Source: `rabbit_mgmt_wm_permission.erl`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from console.kinds.common.kind import Field, Key, Kind, Line, Ref, Spec, SpecError, Step
from console.kinds.common.rows import Row, Section, Taker, some
from console.kinds.common.shell import quoted_pattern, shell_word
from console.kinds.common.values import text
from console.kinds.common.wire import Get, Named
from console.kinds.refusals.patterns import slips
from console.kinds.refusals.versions import BrokerFacts, Fault

_PATTERNS = ("configure", "write", "read")


def _rabbitmqctl(step: Step) -> Sequence[Line]:
    vhost, user = map(shell_word, step.key)
    if step.spec is None:
        return [["clear_permissions", "-p", vhost, user]]
    patterns = [quoted_pattern(step.spec[name]) for name in _PATTERNS]
    return [["set_permissions", "-p", vhost, user, *patterns]]


def _read_row(reader: Taker, row: Row) -> None:
    key = (reader.vhost_of(row), reader.name("user", row, "user"))
    for name in _PATTERNS:
        if name not in row:
            raise SpecError(name, f"{name} is missing.")
    reader.take("permission", key, some(row, *_PATTERNS))


def _emit(key: Key, spec: Mapping[str, Any]) -> Iterator[tuple[str, Row]]:
    yield "permissions", {"vhost": key[0], "user": key[1], **spec}


def _stands_on(key: Key) -> Iterable[Ref]:
    yield Ref("vhost", (key[0],))
    yield Ref("user", (key[1],))


def _locks_out(
    account: str, key: Key, before: Spec | None, after: Spec | None, new_password: bool
) -> tuple[str, str] | None:
    if key[1] != account or before is None or _is_nothing(before):
        return None
    if after is not None and not _is_nothing(after):
        return None
    return (
        "user",
        f": without a permission it can neither read nor change queues in the virtual host {key[0]}.",
    )


def _is_nothing(spec: Spec) -> bool:
    return all(spec.get(name, "") in ("", "^$") for name in _PATTERNS)


def _listed_with(owner: Ref) -> Sequence[Get]:
    return [Get((f"{owner.kind}s", *owner.key, "permissions"))]


def _faults(key: Key, spec: Spec, facts: BrokerFacts) -> Iterable[Fault]:
    for name in _PATTERNS:
        for sentence in slips(spec[name]):
            yield Fault(name, f"{name.capitalize()}: {sentence}", refuses=False)


PERMISSION = Kind(
    name="permission",
    noun="permission",
    identity=("vhost", "user"),
    fields=tuple(Field(name, "", text) for name in _PATTERNS),
    rank=30,
    vhost_at=0,
    user_at=1,
    wire=Named(
        "permissions",
        ("vhost", "user"),
        spec=lambda row: {name: row.get(name, "") for name in _PATTERNS},
        body=lambda key, spec: {name: spec[name] for name in _PATTERNS},
    ),
    section=Section(
        name="permissions",
        order=30,
        keys=frozenset({"vhost", "user", *_PATTERNS}),
        read=_read_row,
        emit=_emit,
        in_vhost_files=False,
    ),
    called="{1} on {0}",
    stands_on=_stands_on,
    listed_with=_listed_with,
    faults=_faults,
    rabbitmqctl=_rabbitmqctl,
    locks_out=_locks_out,
    goes_together=lambda before: True,
)
