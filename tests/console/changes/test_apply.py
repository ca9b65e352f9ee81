from __future__ import annotations

from datetime import timedelta

import pytest

from console.errors import IdempotencyMismatch, InvalidField, Stale
from console.kinds.common.kind import Ref
from console.kinds.refusals.versions import version_of
from console.models import Attempt, AuditEntry, BrokerLease, Change, ManagedObject, Step
from console.rabbitmq.endpoint import Secret
from console.rabbitmq.passwords import SHA256, hash_password
from console.secrets import encrypt
from tests.engine import utc_now

pytestmark = pytest.mark.django_db

ALL = {"configure": ".*", "write": ".*", "read": ".*"}


def password(text="correct horse"):
    return {"password_hash": hash_password(Secret(text)).reveal(), "hashing_algorithm": SHA256}


def test_a_vhost_is_created_changed_and_deleted_and_each_is_proven(engine, names, seen):
    name = names("vhost")
    change = engine.do(
        (
            "vhost",
            [name],
            {"description": "orders", "tags": ["b", "a"], "limits": {"max-queues": 7}},
        )
    )
    assert change.state == "done"
    assert seen("vhosts", name)["description"] == "orders"
    assert seen("vhost-limits", name)[0]["value"] == {"max-queues": 7}
    target = engine.target("vhost", name)
    assert (target.sync, target.verified_generation) == ("in_sync", target.generation)

    observed = {Ref("vhost", (name,)): target.spec}
    change = engine.do(
        ("vhost", [name], {"description": "more", "tracing": True}), observed=observed
    )
    assert change.state == "done"
    assert seen("vhosts", name)["description"] == "more"
    assert seen("vhosts", name)["tracing"] is True
    assert seen("vhost-limits", name) in ([], [{"vhost": name, "value": {}}])

    assert engine.do(("vhost", [name], None), observed=observed).state == "done"
    assert seen("vhosts", name) is None
    assert engine.target("vhost", name).spec is None


def test_a_vhost_user_and_permission_are_made_in_the_order_they_need(engine, names, seen):
    vhost, user = names("vhost"), names("user")
    change = engine.do(
        ("permission", [vhost, user], ALL),
        ("user", [user], {"tags": ["monitoring"]}, password()),
        ("vhost", [vhost], {}),
    )
    assert change.state == "done"
    assert [step.target.kind for step in change.steps.all()] == ["vhost", "user", "permission"]
    assert seen("permissions", vhost, user)["read"] == ".*"
    assert seen("users", user)["tags"] == ["monitoring"]


def test_changing_tags_keeps_the_password_and_the_new_password_keeps_the_tags(engine, names, seen):
    user = names("user")
    engine.do(("user", [user], {"tags": ["monitoring"]}, password()))
    first = seen("users", user)["password_hash"]
    engine.do(("user", [user], {"tags": ["management"]}))
    assert seen("users", user)["password_hash"] == first
    assert seen("users", user)["tags"] == ["management"]
    assert (
        engine.do(("user", [user], {"tags": ["management"]}, password("another"))).state == "done"
    )
    assert seen("users", user)["password_hash"] != first
    assert seen("users", user)["tags"] == ["management"]


def test_no_secret_stays_behind_once_a_step_has_ended(engine, names):
    user, secrets = names("user"), password()
    change = engine.ask(("user", [user], {}, secrets))
    assert secrets["password_hash"] not in change.steps.get().secrets_encrypted
    engine.apply()
    assert change.steps.get().secrets_encrypted == ""
    assert AuditEntry.objects.get(change_id_then=change.pk).after["password"] == "changed"


def test_what_is_right_already_is_left_alone(engine, names, seen):
    vhost = names("vhost")
    engine.do(("vhost", [vhost], {"description": "x"}))
    change = engine.do(("vhost", [vhost], {"description": "x"}))
    assert change.state == "done"
    assert change.steps.get().tries.get().outcome == "unchanged"


def test_a_refusal_is_told_in_the_brokers_words_and_not_tried_again(engine, names):
    vhost, user = names("vhost"), names("user")
    change = engine.do(("permission", [vhost, user], ALL))
    step = change.steps.get()
    assert (change.state, step.state) == ("rejected", "rejected")
    assert "vhost_or_user_not_found" in step.error_detail
    assert engine.apply() == 0
    assert engine.target("permission", vhost, user).sync == "rejected"


def test_a_field_that_the_version_lacks_is_refused_before_anything_is_written(
    engine, names, seen, live_broker
):
    """Deletion protection came with 4.0.6. The version may become known only when the change is applied."""
    said = live_broker.call("GET", "overview")["rabbitmq_version"]
    lacks = version_of(said) < (4, 0, 6)
    vhost = names("vhost")
    assert not engine.broker.status.rabbitmq_version
    change = engine.do(("vhost", [vhost], {"protected_from_deletion": True}))
    if not lacks:
        assert change.state == "done"
        engine.do(("vhost", [vhost], {"protected_from_deletion": False}))
        return
    assert change.state == "rejected"
    reason = f"RabbitMQ {said} has no field protected from deletion for a virtual host; 4.0.6 and later have."
    assert engine.target("vhost", vhost).reason == reason
    assert seen("vhosts", vhost) is None, "never half an act"
    engine.broker.status.rabbitmq_version = said
    with pytest.raises(InvalidField, match=r"4\.0\.6 and later have"):
        engine.ask(("vhost", [names("vhost")], {"protected_from_deletion": True}))


def test_some_refused_and_some_applied_is_partly(engine, names):
    vhost, user = names("vhost"), names("user")
    change = engine.do(("vhost", [vhost], {}), ("permission", [vhost, user], ALL))
    assert change.state == "partly"
    assert [step.state for step in change.steps.all()] == ["applied", "rejected"]


def test_a_change_waits_for_a_broker_that_is_down_and_is_applied_when_it_is_back(
    engine, names, seen
):
    vhost, home = names("vhost"), engine.broker.management_url
    engine.broker.management_url = "http://127.0.0.1:9"
    engine.broker.save()
    change = engine.do(("vhost", [vhost], {}))
    step = change.steps.get()
    assert (change.state, step.state, step.error_code) == (
        "waiting",
        "pending",
        "connection_refused",
    )
    assert step.next_at > utc_now()
    assert step.tries.get().outcome == "unreachable"
    engine.broker.management_url = home
    engine.broker.save()
    engine.hurry()
    engine.apply()
    change.refresh_from_db()
    assert change.state == "done"
    assert seen("vhosts", vhost)
    assert BrokerLease.objects.get(broker=engine.broker).failures == 0


def test_a_refused_password_stops_the_knocking_for_a_minute(engine, names):
    engine.broker.password_encrypted = encrypt(Secret("wrong"))
    engine.broker.save()
    change = engine.do(("vhost", [names("vhost")], {}))
    step = change.steps.get()
    assert (change.state, step.error_code) == ("waiting", "login_refused")
    assert step.next_at > utc_now() + timedelta(seconds=50)


def test_the_same_idempotency_key_gives_the_first_change(planner):
    desired = ("vhost", ["planned"], {"description": "a"})
    first = planner.ask(desired, key="k")
    assert planner.ask(desired, key="k") == first
    assert Step.objects.count() == 1
    with pytest.raises(IdempotencyMismatch):
        planner.ask(("vhost", ["planned"], {"description": "b"}), key="k")
    assert Change.objects.count() == 1


def test_the_newest_wish_wins_and_the_older_step_ends_as_superseded(engine, names, seen):
    vhost = names("vhost")
    first = engine.ask(("vhost", [vhost], {"description": "old"}))
    second = engine.ask(("vhost", [vhost], {"description": "new"}))
    engine.apply()
    assert first.steps.get().state == "superseded"
    assert second.steps.get().state == "applied"
    assert seen("vhosts", vhost)["description"] == "new"


def test_a_wish_based_on_an_older_generation_is_refused_whole(planner):
    planner.ask(("vhost", ["planned"], {}))
    with pytest.raises(Stale):
        planner.ask(("vhost", ["planned"], {"description": "x"}), expected_generation=0)
    assert Change.objects.count() == 1
    assert ManagedObject.objects.get().spec["description"] == ""


def test_an_impossible_spec_is_refused_before_anything_is_kept(planner):
    with pytest.raises(InvalidField):
        planner.ask(("vhost", ["v"], {"tracing": "yes"}))
    assert not ManagedObject.objects.exists()


def test_a_right_that_was_revoked_before_the_step_began_is_told_and_nothing_is_sent(
    engine, names, seen
):
    vhost = names("vhost")
    change = engine.ask(("vhost", [vhost], {}))
    engine.author.is_superuser = False
    engine.author.save()
    engine.apply()
    step = change.steps.get()
    assert (step.state, step.error_code) == ("rejected", "not_allowed")
    assert seen("vhosts", vhost) is None
    assert not Attempt.objects.exists()


def test_a_deletion_that_waited_an_hour_asks_again(engine, names, seen):
    vhost = names("vhost")
    engine.do(("vhost", [vhost], {}))
    change = engine.ask(("vhost", [vhost], None), observed={Ref("vhost", (vhost,)): {}})
    change.steps.update(not_after=utc_now() - timedelta(seconds=1))
    engine.apply()
    assert change.steps.get().state == "needs_confirmation"
    assert seen("vhosts", vhost)


def test_a_stop_ends_what_has_not_begun(engine, names, seen):
    vhost = names("vhost")
    change = engine.ask(("vhost", [vhost], {}))
    Change.objects.update(stop_requested_at=utc_now())
    engine.apply()
    change.refresh_from_db()
    assert (change.state, change.steps.get().state) == ("stopped", "stopped")
    assert seen("vhosts", vhost) is None


def test_another_worker_finds_the_broker_taken(engine, names):
    engine.ask(("vhost", [names("vhost")], {}))
    BrokerLease.objects.create(
        broker=engine.broker, owner="other", until=utc_now() + timedelta(seconds=60), fence=5
    )
    assert engine.apply() == 0
    assert not Attempt.objects.exists()


def test_a_worker_that_slept_through_its_lease_records_nothing(engine, names, monkeypatch):
    from console.engine.applying import apply

    change = engine.ask(("vhost", [names("vhost")], {}))
    real = apply.Look

    def slow(*args):
        seen = real(*args)
        if seen.specs != {(change.steps.get().target.key[0],): None}:
            # Read back: the call was made.
            BrokerLease.objects.update(owner="other", fence=99)
        return seen

    monkeypatch.setattr(apply, "Look", slow)
    engine.apply()
    assert change.steps.get().state == "verifying"
    assert BrokerLease.objects.get().fence == 99
    BrokerLease.objects.update(until=utc_now() - timedelta(seconds=1))
    monkeypatch.setattr(apply, "Look", real)
    engine.apply()
    step = change.steps.get()
    assert step.state == "applied"
    assert [attempt.outcome for attempt in step.tries.all()] == ["", "unchanged"]


def test_many_objects_go_through_in_batches(engine, names, live_broker):
    vhost = names("vhost")
    users = [names("user") for _ in range(60)]
    change = engine.do(
        ("vhost", [vhost], {}),
        *[("user", [user], {}, password()) for user in users],
        *[("permission", [vhost, user], ALL) for user in users],
    )
    assert change.state == "done"
    assert change.steps.filter(state="applied").count() == 121
    granted = live_broker.call("GET", "vhosts", vhost, "permissions")
    assert {row["user"] for row in granted} >= set(users)


def test_the_audit_trail_cannot_be_rewritten(planner):
    from django.db import DatabaseError, transaction

    planner.ask(("vhost", ["planned"], {}))
    with pytest.raises(DatabaseError, match="append only"), transaction.atomic():
        AuditEntry.objects.update(username="Someone else")
    with pytest.raises(DatabaseError, match="append only"), transaction.atomic():
        AuditEntry.objects.all().delete()
