from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse

from accessctl.grants.roles import Role
from accessctl.models import Grant
from console.models import Change, ManagedObject, Step

pytestmark = pytest.mark.django_db
ALL = {"configure": ".*", "write": ".*", "read": ".*"}


@pytest.fixture
def root(client, superuser):
    client.force_login(superuser)
    return client


@pytest.fixture
def person(client, now):
    """A client logged in as a new person with these grants."""

    def log_in(name, *grants):
        user = get_user_model().objects.create_user(name)
        for role, columns in grants:
            Grant.objects.create(user=user, role=role, created_at=now, **columns)
        client.force_login(user)
        return client

    return log_in


def page(client, change, suffix=""):
    return client.get(reverse(f"change{suffix}", args=[change.pk]))


def test_a_change_is_followed_from_accepted_to_verified(engine, names, root):
    change = engine.ask(("vhost", [names("vhost")], {"description": "orders"}))
    text = page(root, change).content.decode()
    assert "0</span> of" in text
    assert "data-refresh" in page(root, change, "_strip").content.decode()
    engine.apply()
    text = page(root, change).content.decode()
    assert "Applied" in text
    assert "rabbitmqctl add_vhost" in text
    assert "data-refresh" not in page(root, change, "_strip").content.decode()


def test_a_broker_that_is_down_is_said_with_the_next_try(broker_row, superuser, root):
    from tests.engine import Engine

    down = Engine(broker_row(), superuser)
    change = down.do(("vhost", ["v"], {}))
    text = page(root, change).content.decode()
    assert "Waiting for the broker" in text
    assert "Next attempt" in text


def test_the_rest_is_stopped_and_tried_again(engine, names, root):
    change = engine.ask(("vhost", [names("vhost")], {}), ("vhost", [names("vhost")], {}))
    root.post(reverse("change_stop", args=[change.pk]))
    engine.apply()
    change.refresh_from_db()
    assert change.state == "stopped"
    answer = root.post(reverse("change_retry", args=[change.pk]))
    again = Change.objects.exclude(pk=change.pk).get()
    assert answer["Location"] == reverse("change", args=[again.pk])
    engine.apply()
    again.refresh_from_db()
    assert (again.state, again.steps.filter(state="applied").count()) == ("done", 2)
    assert 'class="bar bar-ok"' in page(root, again).content.decode(), "all done is no warning"


def test_a_deletion_that_asks_again_is_confirmed(engine, names, seen, root):
    vhost = names("vhost")
    engine.do(("vhost", [vhost], {}))
    change = engine.ask(("vhost", [vhost], None), observed={})
    Step.objects.filter(change=change).update(state="needs_confirmation", finished_at=None)
    Change.objects.filter(pk=change.pk).update(state="rejected")
    assert "Confirm 1 deletion" in page(root, change).content.decode()
    root.post(reverse("change_confirm", args=[change.pk]))
    engine.apply()
    assert seen("vhosts", vhost) is None


def test_a_step_whose_password_is_gone_is_not_tried_without_it(planner, root):
    secrets = {"password_hash": "x" * 48, "hashing_algorithm": "rabbit_password_hashing_sha256"}
    change = planner.ask(("user", ["planned"], {}, secrets))
    Step.objects.filter(change=change).update(state="rejected", secrets_encrypted="")
    Change.objects.filter(pk=change.pk).update(state="rejected")
    answer = root.post(reverse("change_retry", args=[change.pk]), follow=True)
    assert "no longer stores their passwords" in answer.content.decode()
    assert Change.objects.count() == 1


def test_what_one_may_not_see_is_not_there(planner, person):
    red, blue = "/red-1", "/blue-1"
    both = planner.ask(("permission", [red, "u"], ALL), ("permission", [blue, "u"], ALL))
    other = planner.ask(("permission", [blue, "u"], ALL), ("user", ["u"], {}))
    grant = {"broker": planner.broker, "vhost_pattern": "/red-*"}
    client = person("vera", (Role.VHOST_ADMINISTRATOR, grant))
    listed = client.get(reverse("changes")).content.decode()
    assert str(both.pk) in listed
    assert str(other.pk) not in listed
    text = page(client, both).content.decode()
    assert red[:20] in text
    assert "/blue-" not in text
    assert "you can’t see" in text
    assert page(client, other).status_code == 404
    # Part of it is not hers: she may not stop it.
    assert client.post(reverse("change_stop", args=[both.pk])).status_code == 403


def test_ones_own_change_is_always_seen_and_stopped(planner, person):
    client = person("vera", (Role.VHOST_ADMINISTRATOR, {"broker": planner.broker, "vhost_pattern": "/red*"}))  # fmt: skip
    change = planner.ask(("user", ["u"], {}))
    Change.objects.filter(pk=change.pk).update(author=get_user_model().objects.get(username="vera"))
    assert page(client, change).status_code == 200
    assert client.post(reverse("change_stop", args=[change.pk])).status_code == 302


def test_hostile_words_are_text(planner, root):
    change = planner.ask(("vhost", ["<img src=x onerror=alert(1)>"], {}))
    Step.objects.filter(change=change).update(
        error_detail="<script>alert(1)</script>\u202e", state="rejected"
    )
    Change.objects.filter(pk=change.pk).update(title="</title><script>x", reason="<b>")
    for text in (page(root, change).content, root.get(reverse("changes")).content):
        assert b"<img src=x" not in text
        assert b"<script>" not in text
    assert ManagedObject.objects.count() == 1


def test_the_list_is_filtered_and_exported(planner, root, django_assert_max_num_queries):
    for number in range(5):
        planner.ask(("vhost", [f"v{number}"], {}))
    with django_assert_max_num_queries(25):
        text = root.get(reverse("changes"), {"mine": "1", "state": "accepted"}).content.decode()
    assert text.count("<tr id=") == 5
    csv = b"".join(root.get(reverse("changes_csv")).streaming_content).decode()
    assert csv.count("a test") == 5
    assert root.get(reverse("changes"), {"state": "nope"}).status_code == 400


def test_limits_are_not_set_again_by_who_may_not_set_them(planner, person):
    vhost = "/red-1"
    change = planner.ask(("vhost", [vhost], {"limits": {"max-queues": 7}}))
    Step.objects.update(state="stopped", permission="vhosts:edit")
    Change.objects.update(state="stopped")
    grant = {"broker": planner.broker, "vhost_pattern": "/red-*"}
    client = person("vera", (Role.VHOST_ADMINISTRATOR, grant))
    answer = client.post(reverse("change_retry", args=[change.pk]), follow=True)
    assert "vhosts:limit" in answer.content.decode()
    assert Change.objects.count() == 1
