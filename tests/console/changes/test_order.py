"""On one broker, order follows acceptance wherever a step is about what another stands on; what has
nothing to do with each other never waits."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.urls import reverse

from accessctl.grants.roles import Role
from accessctl.models import Grant
from console.engine.proposals.retry import stop_change
from console.kinds.common.kind import Ref
from console.models import OPEN_STEPS, Attempt, Change, Step
from tests.console.changes.test_crashes import HASH
from tests.engine import utc_now

pytestmark = pytest.mark.django_db
ALL = {"configure": ".*", "write": ".*", "read": ".*"}
DURABLE = {"durable": True, "auto_delete": False, "arguments": {}}
TOPIC = {"type": "topic", "internal": False, **DURABLE}


def hold_back(*changes):
    """As a broker that could not be reached leaves them."""
    for change in changes:
        change.steps.update(
            next_at=utc_now() + timedelta(seconds=60),
            error_code="timed_out",
            error_detail="No answer.",
        )


def state(change):
    change.refresh_from_db()
    return change.state


def tried(change):
    return Attempt.objects.filter(step__change=change).count()


@pytest.fixture
def held(engine, names):
    """(vhost, user, the changes that create them); both wait for a broker that is back by now."""
    vhost, user = names("vhost"), names("user")
    changes = engine.ask(("vhost", [vhost], {})), engine.ask(("user", [user], {}, HASH))
    hold_back(*changes)
    return vhost, user, *changes


def test_a_permission_waits_for_its_virtual_host_and_user(engine, held, seen):
    vhost, user, *earlier = held
    permission = engine.ask(("permission", [vhost, user], ALL))
    assert engine.apply() == 0
    assert state(permission) == "accepted"
    assert tried(permission) == 0
    engine.hurry()
    engine.apply()
    assert [state(change) for change in (*earlier, permission)] == ["done"] * 3
    assert seen("permissions", vhost, user)["configure"] == ".*"


def test_each_of_the_two_is_waited_for(engine, held):
    vhost, user, first, second = held
    permission = engine.ask(("permission", [vhost, user], ALL))
    first.steps.update(next_at=utc_now())
    engine.apply()
    assert (state(first), state(permission)) == ("done", "accepted")
    second.steps.update(next_at=utc_now())
    engine.apply()
    assert (state(second), state(permission)) == ("done", "done")


def test_independent_changes_do_not_wait(engine, held, names, seen):
    vhost, user, *_ = held
    waiting = engine.ask(("permission", [vhost, user], ALL))
    other, name = engine.ask(("vhost", [other_vhost := names("vhost")], {})), names("user")
    both = engine.ask(("user", [name], {}, HASH), ("permission", [other_vhost, name], ALL))
    engine.apply()
    assert (state(other), state(both), state(waiting)) == ("done", "done", "accepted")
    assert seen("permissions", other_vhost, name)


def test_what_comes_before_it_in_the_same_change_goes(engine, held, names, seen):
    vhost, user, *_ = held
    name = names("user")
    change = engine.ask(
        ("user", [name], {}, HASH),
        ("permission", [vhost, name], ALL),
        ("permission", [vhost, user], ALL),
    )
    engine.apply()
    assert [step.state for step in change.steps.all()] == ["applied", "pending", "pending"]
    assert seen("users", name)
    engine.hurry()
    engine.apply()
    assert state(change) == "done"


@pytest.mark.parametrize("kind", ["permission", "queue", "exchange", "policy", "topic_permission"])
def test_the_deletion_of_a_virtual_host_waits_for_what_is_done_in_it(
    kind, engine, names, live_broker, seen
):
    vhost, user = names("vhost"), names("user")
    engine.do(
        ("vhost", [vhost], {}),
        ("user", [user], {}, HASH),
        ("permission", [vhost, live_broker.username], ALL),
    )
    key, spec = {
        "permission": ([vhost, user], ALL),
        "queue": ([vhost, "q"], DURABLE),
        "exchange": ([vhost, "e"], TOPIC),
        "policy": ([vhost, "p"], {"pattern": "x", "definition": {"max-length": 1}}),
        "topic_permission": ([vhost, user, "amq.topic"], {"write": "a", "read": "b"}),
    }[kind]  # fmt: skip
    earlier = engine.ask((kind, key, spec))
    hold_back(earlier)
    delete = engine.ask(("vhost", [vhost], None), observed={Ref("vhost", (vhost,)): {}})
    assert engine.apply() == 0
    assert seen("vhosts", vhost)
    engine.hurry()
    engine.apply()
    assert (state(earlier), state(delete)) == ("done", "done")
    assert seen("vhosts", vhost) is None


def test_a_user_is_deleted_after_what_was_asked_of_its_permissions(engine, names, seen):
    vhost, user = names("vhost"), names("user")
    engine.do(("vhost", [vhost], {}), ("user", [user], {}, HASH))
    earlier = engine.ask(("permission", [vhost, user], ALL))
    hold_back(earlier)
    delete = engine.ask(("user", [user], None), observed={Ref("user", (user,)): {"tags": []}})
    assert engine.apply() == 0
    engine.hurry()
    engine.apply()
    assert (state(earlier), state(delete)) == ("done", "done")


def test_a_binding_waits_for_its_ends(engine, names, live_broker):
    vhost = names("vhost")
    engine.do(("vhost", [vhost], {}), ("permission", [vhost, live_broker.username], ALL))
    earlier = (
        engine.ask(("exchange", [vhost, "e"], TOPIC)),
        engine.ask(("queue", [vhost, "q"], DURABLE)),
    )
    hold_back(*earlier)
    binding = engine.ask(("binding", [vhost, "e", "queue", "q", "a.b", "{}"], {}))
    assert engine.apply() == 0
    engine.hurry()
    engine.apply()
    assert [state(change) for change in (*earlier, binding)] == ["done"] * 3


def test_a_later_one_goes_on_and_is_judged_by_the_broker_where_the_earlier_was_stopped(
    engine, held, superuser
):
    vhost, user, first, second = held
    permission = engine.ask(("permission", [vhost, user], ALL))
    second.steps.update(next_at=utc_now())
    engine.apply()
    assert state(permission) == "accepted"
    stop_change(first, now=utc_now(), acting_user=superuser)
    engine.apply()
    assert (state(first), state(permission)) == ("stopped", "rejected")
    assert "vhost_or_user_not_found" in permission.steps.get().error_detail


def test_a_later_one_goes_on_where_the_earlier_was_rejected(engine, held):
    vhost, user, first, _ = held
    permission = engine.ask(("permission", [vhost, user], ALL))
    engine.hurry()
    # Its author may not do it any more.
    first.author = None
    first.save()
    engine.apply()
    assert (state(first), state(permission)) == ("rejected", "rejected")
    assert "vhost_or_user_not_found" in permission.steps.get().error_detail


def test_what_took_an_earlier_ones_place_is_waited_for_too(engine, held, seen):
    vhost, user, first, _ = held
    permission = engine.ask(("permission", [vhost, user], ALL))
    again = engine.ask(("vhost", [vhost], {"description": "second thoughts"}))
    engine.hurry()
    engine.apply()
    assert (state(first), state(again), state(permission)) == ("superseded", "done", "done")
    assert seen("permissions", vhost, user)


def test_changes_that_would_wait_for_each_other_end_all_the_same(engine, names, live_broker):
    """A binding waits for an exchange that was asked for once more, that for the deletion of its virtual
    host, and the deletion for the binding."""
    vhost = names("vhost")
    engine.do(("vhost", [vhost], {}), ("permission", [vhost, live_broker.username], ALL))
    engine.ask(("exchange", [vhost, "e"], TOPIC), ("queue", [vhost, "q"], DURABLE))
    engine.ask(("binding", [vhost, "e", "queue", "q", "a", "{}"], {}))
    engine.ask(("vhost", [vhost], None), observed={Ref("vhost", (vhost,)): {}})
    engine.ask(("exchange", [vhost, "e"], TOPIC))
    engine.apply()
    assert not Step.objects.filter(state__in=OPEN_STEPS).exists()


# What is shown


def test_the_page_and_the_api_say_what_is_waited_for(engine, held, client, superuser, api):
    vhost, user, first, _ = held
    change = engine.ask(("permission", [vhost, user], ALL))
    client.force_login(superuser)
    for url in ("change", "change_strip"):
        text = client.get(reverse(url, args=[change.pk])).content.decode()
        assert "Waits for an earlier change" in text
        assert reverse("change", args=[first.pk]) in text
        assert "create virtual host" in text
    (step,) = api.get(f"/api/v1/changes/{change.pk}/steps/").json()["results"]
    assert step["waits_for"] == {
        "change": str(first.pk), "ordinal": 1, "op": "create", "kind": "vhost", "key": {"name": vhost},
    }  # fmt: skip
    engine.hurry()
    engine.apply()
    assert "Waits for" not in client.get(reverse("change", args=[change.pk])).content.decode()
    (step,) = api.get(f"/api/v1/changes/{change.pk}/steps/").json()["results"]
    assert step["waits_for"] is None


def test_what_somebody_may_not_see_is_not_named(engine, names, client, django_user_model, now):
    """The deletion of a virtual host by its author waits for a permission whose user they may not see."""
    vhost, user = names("vhost"), names("user")
    engine.do(("vhost", [vhost], {}), ("user", [user], {}, HASH))
    earlier = engine.ask(("permission", [vhost, user], ALL))
    hold_back(earlier)
    change = engine.ask(("vhost", [vhost], None), observed={Ref("vhost", (vhost,)): {}})
    person = django_user_model.objects.create_user("olga")
    Change.objects.filter(pk=change.pk).update(author=person)
    client.force_login(person)
    Grant.objects.create(
        user=person, role=Role.VIEWER, broker=engine.broker, vhost_pattern="another", created_at=now
    )
    text = client.get(reverse("change", args=[change.pk])).content.decode()
    assert "Waits for an earlier change that you can" in text
    assert str(earlier.pk) not in text
    assert not re.search(re.escape(user.split()[0]), text)
