"""Reverting changes on a live broker: what comes back, what is said, and who may."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse
from rest_framework.test import APIClient

from accessctl.grants.roles import Role
from accessctl.models import Grant
from accessctl.visibility.changes import steps_seen_by
from console.engine.proposals.retry import NothingLeft
from console.errors import NotAllowed, Stale
from console.faces.objects.last_changes import last_changes
from console.kinds.common.kind import Ref
from console.models import AuditEntry, Broker, Change, DeletedWith, ManagedObject, Step, StepState
from console.pages.reverts.inverse import revert_change, revert_since
from console.reconcile.disclose import public_spec
from tests import acting
from tests.console.changes.test_crashes import HASH
from tests.console.reverts.asking import apply_revert, finish, inverse, undo, undo_since
from tests.engine import Engine, utc_now
from vhosts.models import Policy

pytestmark = pytest.mark.django_db
ALL = {"configure": ".*", "write": ".*", "read": ".*"}
API = "/api/v1/changes"


def cap(length, **more):
    return {
        "pattern": "^a", "apply_to": "queues", "priority": 0, "definition": {"max-length": length},
        **more,
    }  # fmt: skip


@pytest.fixture
def vhost(engine, names):
    name = names("vhost")
    engine.do(("vhost", [name], {}))
    return name


@pytest.fixture
def edited(engine, vhost):
    """A change that edited a policy from max-length 3 to 5."""
    engine.do(("policy", [vhost, "cap"], cap(3)))
    observed = {ref_of("policy", vhost, "cap"): cap(3)}
    return engine.do(("policy", [vhost, "cap"], cap(5)), observed=observed)


def ref_of(kind, *key):
    return Ref(kind, key)


@pytest.fixture
def root(client, superuser):
    client.force_login(superuser)
    return client


@pytest.fixture
def api(superuser):
    client = APIClient()
    client.force_authenticate(superuser)
    return client


def said(found):
    return " ".join([*found.remarks, *(one for ones in found.about.values() for one in ones)])


def test_an_edit_is_reverted_on_the_page_and_linked_both_ways(root, edited, vhost, seen):
    address = reverse("change_revert", args=[edited.pk])
    shown = root.get(address)
    assert shown.status_code == 200
    text = shown.content.decode()
    assert "rabbitmqctl set_policy" in text
    assert address in root.get(reverse("change", args=[edited.pk])).content.decode()
    change = acting.apply(acting.confirm(root, address, shown, reason="INC-1"))
    assert change.state == "done"
    assert change.title == f"Revert: {edited.title}"
    assert seen("policies", vhost, "cap")["definition"] == {"max-length": 3}
    assert "Reverts" in root.get(reverse("change", args=[change.pk])).content.decode()
    text = root.get(reverse("change", args=[edited.pk])).content.decode()
    assert "Reverted by" in text
    assert reverse("change", args=[change.pk]) in text
    assert "nothing to revert" in root.get(address).content.decode()


def test_a_revert_is_undone_by_its_own_revert(engine, edited, vhost, seen):
    redone = undo(engine, undo(engine, edited))
    assert redone.title == f"Redo: {edited.title}"
    assert seen("policies", vhost, "cap")["definition"] == {"max-length": 5}
    assert undo(engine, redone).title == f"Revert: {edited.title}"


def test_what_was_changed_again_since_is_kept_unless_chosen(
    engine, live_broker, root, edited, vhost, seen
):
    """By a later change or by somebody at the broker. Other keys of the definition stay as they are."""
    live_broker.call(
        "PUT", "policies", vhost, "cap",
        body={"pattern": "^a", "apply-to": "queues", "definition": {"max-length": 9, "expires": 70000}},
    )  # fmt: skip
    with pytest.raises(NothingLeft) as refused:
        inverse(engine, edited)
    assert "max-length" in refused.value.message
    assert "changed again since then, to 9. It keeps that value." in refused.value.message
    found = inverse(engine, edited, overwrite=True)
    assert found.conflicts
    assert "It is set back too." in said(found)
    address = reverse("change_revert", args=[edited.pk])
    assert b"overwrite=1" in root.get(address).content
    assert b"Keep the newer values" in root.get(f"{address}?overwrite=1").content
    assert apply_revert(engine, found).state == "done"
    assert seen("policies", vhost, "cap")["definition"] == {"max-length": 3, "expires": 70000}


def test_another_field_that_was_changed_since_stays(engine, live_broker, edited, vhost, seen):
    live_broker.call(
        "PUT", "policies", vhost, "cap",
        body={"pattern": "^b", "apply-to": "queues", "definition": {"max-length": 5}},
    )  # fmt: skip
    undo(engine, edited)
    row = seen("policies", vhost, "cap")
    assert (row["pattern"], row["definition"]) == ("^b", {"max-length": 3})


def test_a_deleted_virtual_host_comes_back_with_all_that_was_in_it(
    engine, names, live_broker, seen
):
    vhost, user = names("vhost"), names("user")
    engine.do(
        ("vhost", [vhost], {"description": "orders", "limits": {"max-queues": 9}}),
        ("user", [user], {}, HASH),
    )
    call = live_broker.call
    call("PUT", "permissions", vhost, user, body=ALL)
    call("PUT", "topic-permissions", vhost, user, body={"exchange": "amq.topic", "write": "a", "read": "b"})  # fmt: skip
    call("PUT", "exchanges", vhost, "e", body={"type": "topic"})
    call("PUT", "queues", vhost, "q", body={"durable": True, "arguments": {"x-max-length": 5}})
    call(
        "POST",
        "bindings",
        vhost,
        "e",
        "e",
        "q",
        "q",
        body={"routing_key": "k", "arguments": {"x": 1}},
    )
    call("PUT", "operator-policies", vhost, "top", body={"pattern": ".", "apply-to": "queues", "definition": {"max-length": 4}})  # fmt: skip
    change = engine.do(
        ("vhost", [vhost], None),
        observed={ref_of("vhost", vhost): {"description": "orders"}},
        guard={"queues": 1, "messages": 0},
    )
    assert change.state == "done"
    assert seen("vhosts", vhost) is None
    found = inverse(engine, change)
    assert "Messages, open connections and traces that ran in it don't come back." in said(found)
    assert apply_revert(engine, found).state == "done"
    assert seen("vhosts", vhost)["description"] == "orders"
    assert seen("vhost-limits", vhost)[0]["value"] == {"max-queues": 9}
    assert seen("permissions", vhost, user)["read"] == ".*"
    assert seen("topic-permissions", vhost, user)[0]["exchange"] == "amq.topic"
    assert seen("exchanges", vhost, "e")["type"] == "topic"
    assert seen("queues", vhost, "q")["arguments"]["x-max-length"] == 5
    assert [(b["routing_key"], b["arguments"]) for b in seen("queues", vhost, "q", "bindings") if b["source"]] == [("k", {"x": 1})]  # fmt: skip
    assert seen("operator-policies", vhost, "top")["definition"] == {"max-length": 4}


def test_a_deleted_user_comes_back_with_permissions_and_without_a_password(
    engine, names, vhost, seen
):
    user = names("user")
    engine.do(("user", [user], {"tags": ["management"]}, HASH), ("permission", [vhost, user], ALL))
    change = engine.do(
        ("user", [user], None), observed={ref_of("user", user): {"tags": ["management"]}}
    )
    assert HASH["password_hash"] not in json.dumps(
        [list(Step.objects.filter(change=change).values("before", "after", "fields")),
         list(DeletedWith.objects.filter(step__change=change).values("objects_then", "lost"))]
    )  # fmt: skip
    found = inverse(engine, change)
    assert "without a password, so it can't connect until you set one" in said(found)
    assert apply_revert(engine, found).state == "done"
    assert seen("users", user)["tags"] == ["management"]
    assert seen("users", user)["password_hash"] == ""
    assert seen("permissions", vhost, user)["write"] == ".*"


def test_a_password_stays_and_that_is_said(engine, names, seen):
    user = names("user")
    engine.do(("user", [user], {"tags": []}, HASH))
    other = {"password_hash": "q7Ao/cEh1gp2BmHgsSVbZ3aLRKPkbmqB7NMcyQhMoy0hIMO0", "hashing_algorithm": "rabbit_password_hashing_sha256"}  # fmt: skip
    change = engine.do(
        ("user", [user], {"tags": ["x"]}, other), observed={ref_of("user", user): {"tags": []}}
    )
    found = inverse(engine, change)
    assert "The password of the user" in said(found)
    apply_revert(engine, found)
    row = seen("users", user)
    assert (row["tags"], row["password_hash"]) == ([], other["password_hash"])


def test_a_replaced_queue_is_replaced_back_with_its_bindings(engine, vhost, live_broker, seen):
    live_broker.call("PUT", "queues", vhost, "q", body={"durable": True})
    bind(live_broker, vhost, "amq.topic", "q", "k")
    now = {"durable": True, "auto_delete": False, "arguments": {}}
    change = engine.do(
        ("queue", [vhost, "q"], {"arguments": {"x-max-length": 5}}),
        observed={ref_of("queue", vhost, "q"): now},
        guard={"force": 1},
    )
    assert change.state == "done"
    bind(live_broker, vhost, "amq.topic", "q", "newer")
    assert undo(engine, change).state == "done"
    # 4.x adds the type.
    assert "x-max-length" not in seen("queues", vhost, "q")["arguments"]
    keys = {row["routing_key"] for row in seen("queues", vhost, "q", "bindings") if row["source"]}
    assert keys == {"k", "newer"}


def bind(live, vhost, source, queue, key):
    live.call("POST", "bindings", vhost, "e", source, "q", queue, body={"routing_key": key})


def test_what_was_there_right_before_the_call_counts(engine, vhost, live_broker, seen):
    """The change was accepted as a creation, because no inventory had seen the object yet."""
    live_broker.call("PUT", "policies", vhost, "cap", body={"pattern": "^a", "definition": {"expires": 80000}})  # fmt: skip
    change = engine.do(("policy", [vhost, "cap"], cap(5)))
    assert undo(engine, change).state == "done"
    assert seen("policies", vhost, "cap")["definition"] == {"expires": 80000}


def test_only_what_was_applied_is_reverted(engine, vhost, seen):
    change = engine.do(
        ("policy", [vhost, "good"], cap(5)), ("permission", [vhost, "nobody-such"], ALL)
    )
    assert change.state == "partly"
    done = undo(engine, change)
    assert [step.target.key for step in done.steps.all()] == [[vhost, "good"]]
    assert seen("policies", vhost, "good") is None


def test_what_needs_a_thing_that_is_gone_is_left_out_and_said(engine, vhost, names, live_broker):
    user = names("user")
    engine.do(("user", [user], {}, HASH), ("permission", [vhost, user], ALL), ("policy", [vhost, "p"], cap(1)))  # fmt: skip
    observed = {ref_of("permission", vhost, user): ALL, ref_of("policy", vhost, "p"): cap(1)}
    change = engine.do(("permission", [vhost, user], None), ("policy", [vhost, "p"], None), observed=observed)  # fmt: skip
    live_broker.call("DELETE", "users", user)
    found = inverse(engine, change)
    assert "because the user" in said(found)
    assert [one.ref.kind for one in found.desired_objects] == ["policy"]


def test_two_people_revert_at_once_and_one_is_told(engine, edited):
    first, second = inverse(engine, edited), inverse(engine, edited)
    assert apply_revert(engine, first).state == "done"
    with pytest.raises(Stale):
        apply_revert(engine, second)


def test_a_range_goes_back_to_the_earliest_values(engine, root, live_broker, names, seen):
    """And what somebody changed elsewhere in between, or since, is left alone and said."""
    vhost, other = names("vhost"), names("vhost")
    engine.do(("vhost", [vhost], {"description": "first"}), ("vhost", [other], {}))
    engine.do(("policy", [vhost, "cap"], cap(1)))
    since = utc_now()
    key = ref_of("policy", vhost, "cap")
    engine.do(("policy", [vhost, "cap"], cap(2)), observed={key: cap(1)})
    engine.do(("policy", [vhost, "new"], cap(7)), ("policy", [other, "elsewhere"], cap(7)))
    engine.do(("policy", [vhost, "cap"], cap(3)), observed={key: cap(2)})
    live_broker.call("PUT", "policies", vhost, "by-hand", body={"pattern": "x", "definition": {"expires": 80000}})  # fmt: skip
    address = reverse("revert_to")
    parameters = {"broker": engine.broker.pk, "vhost": vhost, "since": since.isoformat()}
    shown = root.get(address, parameters)
    text = shown.content.decode()
    assert "Changes to undo" in text
    assert "3</span>" in text or ">3<" in text
    change = acting.apply(acting.confirm(root, shown.wsgi_request.get_full_path(), shown))
    assert change.state == "done"
    assert change.reverts.count() == 3
    assert seen("policies", vhost, "cap")["definition"] == {"max-length": 1}
    assert seen("policies", vhost, "new") is None
    assert seen("policies", vhost, "by-hand") is not None
    assert seen("policies", other, "elsewhere") is not None


def test_the_form_for_a_time_says_what_is_wrong(engine, root):
    address = reverse("revert_to")
    assert root.get(address).status_code == 200
    for since, word in (("yesterday", "valid time"), ("2999-01-01T00:00", "future")):
        answer = root.get(address, {"broker": engine.broker.pk, "since": since})
        assert answer.status_code == 400
        assert word in answer.content.decode()
    answer = root.get(address, {"broker": engine.broker.pk, "since": "2020-01-01T00:00"})
    assert answer.status_code == 409
    assert "No change was applied" in answer.content.decode()


def test_the_api_reverts_one_change_and_a_time(engine, api, edited, vhost, seen):
    plan = api.post(f"{API}/{edited.pk}/revert/?dry_run=true", {}, format="json")
    assert plan.status_code == 200, plan.content
    assert plan.json()["counts"]["update"] == 1
    assert plan.json()["objections"] == []
    headers = {"HTTP_IDEMPOTENCY_KEY": "once"}
    made = api.post(f"{API}/{edited.pk}/revert/", {"reason": "INC-2"}, format="json", **headers)
    assert made.status_code == 202, made.content
    again = api.post(f"{API}/{edited.pk}/revert/", {"reason": "INC-2"}, format="json", **headers)
    assert again.json()["id"] == made.json()["id"]
    engine.apply()
    body = api.get(f"{API}/{made.json()['id']}/").json()
    assert (body["state"], body["reason"], body["reverts"]) == ("done", "INC-2", [str(edited.pk)])
    assert api.get(f"{API}/{edited.pk}/").json()["reverted_by"] == [body["id"]]
    assert seen("policies", vhost, "cap")["definition"] == {"max-length": 3}
    assert api.post(f"{API}/{edited.pk}/revert/", {}, format="json").status_code == 409
    since = {"broker": engine.broker.pk, "vhost": vhost, "since": (utc_now() - timedelta(minutes=5)).isoformat()}  # fmt: skip
    made = api.post(f"{API}/revert/", since, format="json")
    assert made.status_code == 202, made.content
    finish(engine, Change.objects.get(pk=made.json()["id"]))
    assert seen("vhosts", vhost) is None
    wrong = api.post(f"{API}/revert/", {**since, "since": "2999-01-01T00:00:00Z"}, format="json")
    assert wrong.status_code == 400


def test_somebody_without_the_right_of_the_inverse_is_told_why(engine, now, vhost, client):
    """They may see the change, but not do its inverse."""
    change = engine.do(("policy", [vhost, "cap"], cap(3)))
    viewer = get_user_model().objects.create_user("viewer")
    Grant.objects.create(user=viewer, role=Role.VIEWER, broker=engine.broker, created_at=now)
    with pytest.raises(NotAllowed) as refused:
        revert_change(change, acting_user=viewer, overwrite=False)
    assert "policies:edit" in refused.value.message
    client.force_login(viewer)
    answer = client.get(reverse("change_revert", args=[change.pk]))
    assert answer.status_code == 403
    assert "policies:edit" in answer.content.decode()


def test_somebody_who_sees_only_a_part_of_a_change_cant_revert_it(engine, now, names, vhost):
    other = names("vhost")
    change = engine.do(("vhost", [other], {}), ("policy", [vhost, "cap"], cap(3)))
    admin = get_user_model().objects.create_user("half")
    Grant.objects.create(
        user=admin, role=Role.VHOST_ADMINISTRATOR, broker=engine.broker, vhost_pattern=vhost.replace("*", "?"), created_at=now,
    )  # fmt: skip
    with pytest.raises(NotAllowed) as refused:
        revert_change(change, acting_user=admin, overwrite=False)
    assert other not in refused.value.message


def test_a_broker_that_cant_be_reached_gets_it_later(engine, edited):
    Broker.objects.filter(pk=engine.broker.pk).update(management_url="http://127.0.0.1:9")
    found = inverse(engine, edited)
    assert "can't be read now" in said(found)
    assert apply_revert(engine, found).state == "waiting"


def test_a_change_of_a_removed_broker_is_refused_with_a_sentence(engine, root, edited):
    engine.broker.delete()
    with pytest.raises(NothingLeft) as refused:
        inverse(engine, edited)
    assert "was removed from the console" in refused.value.message


def test_a_change_that_is_still_being_applied_is_refused(engine, vhost):
    change = engine.ask(("policy", [vhost, "cap"], cap(3)))
    with pytest.raises(NothingLeft) as refused:
        inverse(engine, change)
    assert "still being applied" in refused.value.message
    with pytest.raises(NothingLeft):
        revert_since(engine.broker, vhost, utc_now(), acting_user=engine.author, overwrite=False)


def test_what_no_step_can_undo_is_said(engine, vhost, edited):
    """Emptying a queue has no inverse."""
    step = edited.steps.get()
    Step.objects.create(
        change=edited, ordinal=99, broker=engine.broker, target=step.target, op="purge", generation=1,
        permission="queues:purge", state=StepState.APPLIED, next_at=utc_now(), finished_at=utc_now(),
    )  # fmt: skip
    assert "Can't be undone: purge" in said(inverse(engine, edited))


def test_an_audit_entry_leads_to_the_revert(root, edited):
    entry = AuditEntry.objects.filter(change_id_then=edited.pk).latest("pk")
    text = root.get(reverse("audit_entry", args=[entry.pk])).content.decode()
    assert reverse("change_revert", args=[edited.pk]) in text


def test_deleting_what_was_created_asks_for_the_name(engine, root, names):
    vhost = names("vhost")
    change = engine.do(("vhost", [vhost], {}))
    address = reverse("change_revert", args=[change.pk])
    shown = root.get(address)
    assert root.post(address, {**acting.hidden_of(shown), "step": "apply"}).status_code == 400
    done = acting.apply(acting.confirm(root, address, shown, typed=vhost))
    assert done.state == "done"


def test_a_change_of_thousands_of_steps_takes_the_same_number_of_queries(
    planner: Engine, django_assert_max_num_queries
):
    Broker.objects.filter(pk=planner.broker.pk).update(enabled=False)
    many = planner.ask(*[("policy", ["v", f"p{n}"], cap(n)) for n in range(5000)])
    Step.objects.filter(change=many).update(state="applied", finished_at=utc_now())
    Change.objects.filter(pk=many.pk).update(state="done", finished_at=utc_now())
    # Of 15 deletions, four queries each say what they change for others.
    with django_assert_max_num_queries(80):
        found = inverse(planner, many, overwrite=True)
    assert found.desired_objects


def test_a_range_with_undo_since_is_one_change(engine, vhost, seen):
    since = utc_now()
    engine.do(("policy", [vhost, "a"], cap(1)))
    engine.do(("policy", [vhost, "b"], cap(1)))
    assert undo_since(engine, since, vhost).steps.count() == 2
    assert seen("policies", vhost) == []


def test_what_was_edited_in_a_virtual_host_that_is_deleted_goes_with_it(
    engine, names, live_broker, seen
):
    """Keeping it would be a lie: RabbitMQ deletes it with the virtual host."""
    vhost = names("vhost")
    change = engine.do(("vhost", [vhost], {}), ("policy", [vhost, "cap"], cap(3)))
    live_broker.call("PUT", "policies", vhost, "cap", body={"pattern": "^b", "definition": {"max-length": 9}})  # fmt: skip
    found = inverse(engine, change)
    assert "It is deleted with the virtual host" in said(found)
    assert "left as it is" not in said(found)
    assert not found.conflicts
    assert apply_revert(engine, found).state == "done"
    assert seen("vhosts", vhost) is None


def test_credentials_in_uris_come_back_empty_and_that_is_said(engine, vhost, live_broker):
    """The shovel plugin isn't needed for what is planned."""
    change = engine.do(("policy", [vhost, "p"], cap(1)))
    value = {"src-uri": "amqp://u:secret@example.com", "src-queue": "q", "dest-uri": "amqp://", "dest-queue": "r"}  # fmt: skip
    target = ManagedObject.objects.create(
        broker=engine.broker, kind="parameter", key=["shovel", vhost, "move"], spec=None
    )
    public = public_spec("parameter", {"value": value})
    Step.objects.create(
        change=change, ordinal=9, broker=engine.broker, target=target, op="delete", generation=1, before=public,
        permission="brokers:edit", state=StepState.APPLIED, next_at=utc_now(), finished_at=utc_now(),
    )  # fmt: skip
    found = inverse(engine, change)
    assert "doesn't store the credentials in its URIs" in said(found)
    assert "secret" not in repr(found)


def test_lists_and_the_page_of_the_object_show_what_was_reverted(engine, root, api, edited, now):
    done = undo(engine, edited)
    for found in (
        [str(row.pk) for row in root.get(reverse("changes"), {"reverted": "1"}).context["listing"].rows],
        [row["id"] for row in api.get(f"{API}/?reverted=true").json()["results"]],
    ):  # fmt: skip
        assert found == [str(edited.pk)]
    others = [row["id"] for row in api.get(f"{API}/?reverted=false").json()["results"]]
    assert str(done.pk) in others
    assert str(edited.pk) not in others
    row = Policy.objects.get(broker=engine.broker, name="cap")
    answer = root.get(reverse("policy", args=[row.pk]))
    assert [one.step.change for one in answer.context["last_changes"]][:2] == [done, edited]
    assert reverse("change_revert", args=[edited.pk]) in answer.content.decode()
    viewer = get_user_model().objects.create_user("elsewhere")
    Grant.objects.create(user=viewer, role=Role.VIEWER, broker=engine.broker, vhost_pattern="other", created_at=now)  # fmt: skip
    assert last_changes(viewer, engine.broker, "policy", (row.vhost, row.name)) == []


def test_somebody_else_with_all_rights_sees_and_reverts_it(engine, client, edited):
    """Not only the author: an empty condition on steps means all of them."""
    other = get_user_model().objects.create_superuser("another")
    client.force_login(other)
    assert client.get(reverse("change", args=[edited.pk])).context["hidden"] == 0
    found = revert_change(edited, acting_user=other, overwrite=False)
    assert len(found.desired_objects) == 1


def test_a_second_grant_on_a_part_hides_nothing(engine, names, now):
    change = engine.do(("user", [names("user")], {"tags": []}, HASH))
    viewer = get_user_model().objects.create_user("both")
    Grant.objects.create(user=viewer, role=Role.VIEWER, created_at=now)
    Grant.objects.create(user=viewer, role=Role.VIEWER, broker=engine.broker, vhost_pattern="a", created_at=now)  # fmt: skip
    assert change.steps.filter(steps_seen_by(viewer)).count() == 1


def test_a_time_outside_the_calendar_is_refused(root, planner: Engine):
    parameters = {"broker": planner.broker.pk, "since": "0001-01-01T00:00+14:00"}
    answer = root.get(reverse("revert_to"), parameters)
    assert answer.status_code == 400
    assert "Not a valid time." in answer.content.decode()
