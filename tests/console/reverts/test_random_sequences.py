"""After any sequence of changes, reverting them leaves the broker's definitions as they were."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any
from uuid import uuid4

import hypothesis
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.engine.proposals.retry import NothingLeft
from console.kinds.common.kind import Ref
from console.kinds.registry import KINDS
from console.models import Change, Step
from console.reconcile.dependents import hanging_on, stands_on
from tests.console.changes.test_crashes import HASH
from tests.console.reverts.asking import finish, undo, undo_since
from tests.engine import Engine, utc_now

pytestmark = pytest.mark.django_db
#: bin/test --long has a profile with more than the usual number of examples.
EXAMPLES = 200 if settings.default.max_examples > 100 else 10
_PATTERNS = (".*", "", "^a", "x|y")


class World:
    """The objects of one example, and random valid operations on them."""

    def __init__(self, engine: Engine, live: Any, rng: Random) -> None:
        self.engine, self.live, self.rng = engine, live, rng
        mark = uuid4().hex[:8]
        self.vhosts = [f"test-{mark}-a", f"test-{mark}/b%2F"]
        self.users = [f"test-{mark}-u", f"test-{mark}-w"]
        self.there: dict[Ref, dict[str, Any]] = {}

    def spec(self, ref: Ref) -> dict[str, Any]:
        rng = self.rng
        pattern = lambda: rng.choice(_PATTERNS)  # noqa: E731
        match ref.kind:
            case "vhost":
                return {
                    "description": rng.choice(["", "one", "two"]),
                    "tags": rng.choice([[], ["a"], ["a", "b"]]),
                    "limits": rng.choice(
                        [{}, {"max-queues": 40}, {"max-queues": 50, "max-connections": 9}]
                    ),
                }
            case "user":
                return {
                    "tags": rng.choice([[], ["management"], ["monitoring", "x"]]),
                    "limits": rng.choice([{}, {"max-channels": 7}]),
                }
            case "permission":
                return {"configure": pattern(), "write": pattern(), "read": pattern()}
            case "topic_permission":
                return {"write": pattern(), "read": pattern()}
            case "policy" | "operator_policy":
                keys = {"max-length": [1, 2], "message-ttl": [5, 6], "expires": [70000, 80000]}
                chosen = rng.sample(sorted(keys), rng.randint(1, 3))
                return {
                    "pattern": rng.choice(["^a", "^b"]),
                    "apply_to": "queues",
                    "priority": rng.randint(0, 2),
                    "definition": {name: rng.choice(keys[name]) for name in chosen},
                }
            case "exchange":
                return {"type": rng.choice(["direct", "topic", "fanout"]), "durable": True}
            case "queue":
                return {
                    "durable": True,
                    "arguments": rng.choice([{}, {"x-max-length": 5}, {"x-queue-mode": "lazy"}]),
                }
            case "parameter":
                return {"value": {"policy": rng.choice(["a", "b"])}}
        return {}

    def refs(self) -> list[Ref]:
        found = [Ref("vhost", (v,)) for v in self.vhosts] + [Ref("user", (u,)) for u in self.users]
        for v in self.vhosts:
            for u in self.users:
                found += [Ref("permission", (v, u)), Ref("topic_permission", (v, u, "amq.topic"))]
            for name in ("one", "two"):
                found += [
                    Ref(kind, (v, name))
                    for kind in ("policy", "operator_policy", "exchange", "queue")
                ]
                found += [
                    Ref("binding", (v, "one", "queue", name, key, arguments))
                    for key in ("k", "")
                    for arguments in ("{}", '{"x":1}')
                ]
            found += [Ref("binding", (v, "one", "exchange", "two", "k", "{}"))]
            found += [Ref("binding", (v, "amq.topic", "queue", "one", "t.#", "{}"))]
        return found

    def operations(self, count: int) -> list[tuple[Ref, dict[str, Any] | None]]:
        """Up to `count` operations on distinct objects that the broker takes, in any order."""
        found: dict[Ref, dict[str, Any] | None] = {}
        touched: set[Ref] = set()
        for ref in self.rng.sample(self.refs(), len(self.refs())):
            if len(found) >= count:
                break
            needs = [need for need in stands_on(ref) if need in touched or need not in self.there]
            hanging = [one for one in touched if ref in stands_on(one) or one in stands_on(ref)]
            if needs or hanging:
                continue
            if ref in self.there and self.rng.random() < (0.15 if ref.kind == "vhost" else 0.4):
                found[ref] = None
            elif not (ref in self.there and ref.kind == "binding"):
                found[ref] = self.spec(ref)
            else:
                continue
            touched.add(ref)
        return list(found.items())

    def do(self, count: int) -> Any:
        """One change of up to `count` operations; what became of it on the broker is noted."""
        chosen = self.operations(count)
        if not chosen:
            return None
        change = self.engine.ask(
            *[
                (
                    ref.kind,
                    list(ref.key),
                    spec,
                    *([HASH] if ref.kind == "user" and ref not in self.there else []),
                )
                for ref, spec in chosen
            ],
            observed={ref: self.there[ref] for ref, _ in chosen if ref in self.there},
            guard={"force": 1},
        )
        change = finish(self.engine, change)
        assert change.state == "done", [
            (s.op, str(s.target), s.state, s.error_detail) for s in change.steps.all()
        ]
        for ref, spec in chosen:
            if (
                spec is None
                or Step.objects.get(
                    change=change, target__kind=ref.kind, target__key=list(ref.key)
                ).op
                == "replace"
            ):
                self._falls(ref)
            if spec is not None:
                self.there[ref] = KINDS[ref.kind].canonical({**self.there.get(ref, {}), **spec})
                for name in ("password_hash", "hashing_algorithm"):
                    self.there[ref].pop(name, None)
        return change

    def _falls(self, owner: Ref) -> None:
        self.there.pop(owner, None)
        for kind, parts in hanging_on(owner):
            for ref in [one for one in self.there if one.kind == kind]:
                if all(ref.key[at] == name for at, name in parts.items()):
                    del self.there[ref]

    def definitions(self) -> dict[str, Any]:
        """What the broker has of these virtual hosts and users, in an order of its own."""
        found: dict[str, Any] = {}
        told = self.live.call("GET", "definitions")
        told["vhosts"] = self.live.call("GET", "vhosts")
        told["user_limits"] = self.live.call("GET", "user-limits")
        told["operator_policies"] = self.live.call("GET", "operator-policies")
        kept = ("name", "description", "tags", "tracing")
        for section, rows in told.items():
            if not isinstance(rows, list):
                continue
            mine = [
                {k: v for k, v in row.items() if k not in ("password_hash", "hashing_algorithm")}
                for row in rows
                if row.get("vhost") in self.vhosts
                or row.get("user") in self.users
                or (
                    section in ("vhosts", "users")
                    and row.get("name") in [*self.vhosts, *self.users]
                )
            ]
            # RabbitMQ keeps an empty entry where a virtual host's last limit was removed: no limit.
            mine = [row for row in mine if row.get("component") != "vhost-limits" or row["value"]]
            if section == "vhosts":
                mine = [{k: v for k, v in row.items() if k in kept} for row in mine]
            found[section] = sorted(json.dumps(row, sort_keys=True) for row in mine)
        return found

    def close(self) -> None:
        for v in self.vhosts:
            self.live.forget("vhosts", v)
        for u in self.users:
            self.live.forget("users", u)


@pytest.fixture
def worlds(engine: Engine, live_broker: Any) -> Iterator[Any]:
    made: list[World] = []

    def world(rng: Random) -> World:
        while made:
            made.pop().close()
        made.append(World(engine, live_broker, rng))
        return made[-1]

    yield world
    for one in made:
        one.close()


@settings(
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
)
@given(seed=st.integers(0, 2**32), changes=st.integers(1, 6), size=st.integers(1, 6), way=st.sampled_from(["each", "range", "both"]))  # fmt: skip
def test_reverting_leaves_the_definitions_as_they_were(worlds, engine, seed, changes, size, way):
    """Reverted one by one from the last, or all at once; and a revert is undone by its own revert."""
    world = worlds(Random(seed))
    for _ in range(4):
        world.do(8)
    before, since = world.definitions(), utc_now()
    done = [one for one in (world.do(size) for _ in range(changes)) if one is not None]
    after = world.definitions()
    if after == before:
        return
    if way == "each":
        for change in reversed(done):
            _undo_if_any(engine, change)
    else:
        assert undo_since(engine, since).state == "done"
    assert world.definitions() == before, (seed, way)
    if way == "both":
        again = Change.objects.latest("created_at")
        assert undo(engine, again).state == "done"
        assert world.definitions() == after, seed


def _undo_if_any(engine: Engine, change: Any) -> None:
    try:
        found = undo(engine, change)
    except NothingLeft:
        return
    assert found.state == "done", [
        (s.op, str(s.target), s.state, s.error_detail) for s in found.steps.all()
    ]
