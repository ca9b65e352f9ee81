"""Many users or permissions go in one call; each is proven, and told, by itself."""

from __future__ import annotations

import pytest

from console.engine.applying.broker_objects import BrokerObjects
from console.kinds.common.kind import Ref
from console.models import Attempt
from tests.console.changes.test_crashes import ALL, HASH, LESS, die_at, let_the_lease_run_out

MANY = 40


@pytest.fixture
def people(names):
    return [names("user") for _ in range(MANY)]


@pytest.fixture
def place(names):
    return names("vhost")


@pytest.fixture
def calls(monkeypatch):
    """How many objects went in each call, by kind; single ones are 1."""
    made = []
    one, many = BrokerObjects.write, BrokerObjects.write_together

    def write(store, kind, key, *rest):
        made.append((kind, 1))
        one(store, kind, key, *rest)

    def write_together(store, kind, specs):
        made.append((kind, len(specs)))
        many(store, kind, specs)

    monkeypatch.setattr(BrokerObjects, "write", write)
    monkeypatch.setattr(BrokerObjects, "write_together", write_together)
    return made


def users(people, spec, *secrets):
    return [("user", [user], spec, *secrets) for user in people]


def rights(place, people, spec):
    return [("permission", [place, user], spec) for user in people]


@pytest.mark.django_db
def test_many_are_made_and_changed_in_one_call_of_each_kind(
    engine, place, people, calls, seen, live_broker
):
    desired_objects = users(people, {"tags": ["management", "a"]}, HASH) + rights(
        place, people, ALL
    )
    assert engine.do(("vhost", [place], {}), *desired_objects).state == "done"
    assert calls == [("vhost", 1), ("user", MANY), ("permission", MANY)]
    hashes = {user["name"]: user["password_hash"] for user in live_broker.call("GET", "users")}
    assert {hashes[user] for user in people} == {HASH["password_hash"]}

    observed = {Ref("user", (user,)): {"tags": ["a", "management"]} for user in people}
    observed |= {Ref("permission", (place, user)): ALL for user in people}
    desired_objects = users(people, {"tags": ["monitoring"]}) + rights(place, people, LESS)
    assert engine.do(*desired_objects, observed=observed).state == "done"
    assert calls[3:] == [("user", MANY), ("permission", MANY)]
    there = {user["name"]: user for user in live_broker.call("GET", "users")}
    assert {there[user]["password_hash"] for user in people} == {HASH["password_hash"]}, "kept"
    assert all(there[user]["tags"] == ["monitoring"] for user in people)
    assert seen("permissions", place, people[-1])["write"] == LESS["write"]


@pytest.mark.django_db
def test_limits_have_calls_of_their_own(engine, people, calls, seen):
    limited = ("user", [people[0]], {"limits": {"max-connections": 3}}, HASH)
    assert engine.do(limited, *users(people[1:], {}, HASH)).state == "done"
    assert sorted(calls) == [("user", 1), ("user", MANY - 1)]
    assert seen("user-limits", people[0])[0]["value"] == {"max-connections": 3}


@pytest.mark.django_db
def test_one_that_is_refused_is_told_in_the_brokers_words_and_the_rest_is_made(
    engine, names, place, people, calls, seen
):
    engine.do(("vhost", [place], {}), *users(people, {}, HASH))
    nobody = names("user")
    change = engine.do(*rights(place, [*people[:20], nobody, *people[20:]], ALL))
    assert change.state == "partly"
    bad = change.steps.exclude(state="applied").get()
    assert (bad.target.key, bad.state) == ([place, nobody], "rejected")
    assert "vhost_or_user_not_found" in bad.error_detail
    assert all(seen("permissions", place, user) for user in people)


@pytest.mark.django_db
def test_one_that_was_left_out_unsaid_is_tried_by_itself(engine, people, monkeypatch, seen):
    real = BrokerObjects.write_together
    lost = people[7]

    def forgetful(store, kind, specs):
        real(store, kind, {key: spec for key, spec in specs.items() if key != (lost,)})

    monkeypatch.setattr(BrokerObjects, "write_together", forgetful)
    change = engine.do(*users(people, {}, HASH))
    step = change.steps.get(target__key=[lost])
    assert (change.state, step.state) == ("applying", "verifying")
    assert change.steps.filter(state="applied").count() == MANY - 1
    assert engine.target("user", lost).sync == "verifying"
    engine.hurry()
    engine.apply()
    change.refresh_from_db()
    assert change.state == "done"
    assert [tried.outcome for tried in step.tries.all()] == ["rejected", "ok"]
    assert seen("users", lost)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("point", "acted"), [("before-call", False), ("after-call", True)])
def test_a_worker_that_dies_at_such_a_call_is_followed_by_one_that_looks(
    point, acted, engine, people, live_broker
):
    change = engine.ask(*users(people, {}, HASH))
    die_at(point, engine.apply)
    there = {user["name"] for user in live_broker.call("GET", "users")} & set(people)
    assert there == (set(people) if acted else set())
    assert set(change.steps.values_list("state", flat=True)) == {"verifying"}
    let_the_lease_run_out()
    engine.apply()
    change.refresh_from_db()
    assert change.state == "done"
    outcomes = list(Attempt.objects.order_by("number").values_list("outcome", flat=True))
    assert outcomes == [""] * MANY + ["unchanged" if acted else "ok"] * MANY
