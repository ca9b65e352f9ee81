"""The router says what RabbitMQ 3.10.8, 4.0.5 and 4.3.6 did with each message: see README.md."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from console.kinds.refusals.versions import version_of
from vhosts.routing.core.route import route
from vhosts.routing.core.topology import (
    PREDECLARED,
    Binding,
    Exchange,
    Queue,
    Setting,
    Topology,
    build,
)

VERSIONS = ("3.10.8", "4.0.5", "4.3.6")


def rows() -> Iterator[dict[str, Any]]:
    for line in Path(__file__).with_name("routing.jsonl").read_text().splitlines():
        row = json.loads(line)
        yield {
            **row,
            **{v: row["3.10.8"] if row[v] == "as 3.10.8" else row[v] for v in VERSIONS},
        }


def topology_of(given: dict[str, Any], version: str, refused: set[int]) -> Topology:
    return build(
        "/",
        [
            *PREDECLARED,
            *(
                Exchange(
                    one["name"],
                    one["type"],
                    one.get("internal", False),
                    alternate=Setting(one["alternate_exchange"], "argument")
                    if "alternate_exchange" in one
                    else None,
                )
                for one in given["exchanges"]
            ),
        ],
        [Queue(name) for name in given["queues"]],
        [
            Binding(
                one["source"],
                one["destination_type"],
                one["destination"],
                one["routing_key"],
                one["arguments"],
            )
            for at, one in enumerate(given["bindings"])
            if at not in refused
        ],
        version=version_of(version),
    )


def test_the_router_agrees_with_every_recorded_message() -> None:
    messages = 0
    for row in rows():
        for version in VERSIONS:
            told = row[version]
            refused = {at for at, *_ in told.get("refused_bindings", ())}
            topology = topology_of(row["input"], version, refused)
            for sent, did in zip(row["input"]["messages"], told["messages"], strict=True):
                found = route(
                    topology, sent["exchange"], sent["routing_key"], sent["headers"], mandatory=True
                )
                code = found.refusal.code if found.refusal else None
                said = (sorted(found.queues), found.returned, code)
                returned = bool(did["returned"]) if did["returned"] is not None else None
                assert said == (did["queues"], returned, did.get("error", [None])[0]), (
                    row["id"],
                    version,
                    sent,
                    found.sentence,
                )
                assert not found.possible
                assert all(step.reason for step in _steps(found.root))
                messages += 1
    assert messages > 8_000


def _steps(step: Any) -> Iterator[Any]:
    if step is not None:
        yield step
        for one in step.steps:
            yield from _steps(one)
