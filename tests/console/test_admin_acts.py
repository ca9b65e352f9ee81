"""Acts on brokers through the Django admin: the same plan, change and read-back as everywhere else."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse

from accessctl.models import BrokerPermission, BrokerTopicPermission, BrokerUser
from console.models import AuditEntry, BrokerStatus, Change, ManagedObject, Sync
from tests.acting import apply, hidden_of, preview
from tests.factories import HOSTILE, add_broker, add_user, add_vhost, permit, permit_topic
from vhosts.models import VirtualHost

pytestmark = pytest.mark.django_db


@pytest.fixture
def broker(make_broker: Any, now: Any) -> Any:
    """As after an inventory: what isn't there is known not to be."""
    made = make_broker()
    made.status.inventory_at = now
    made.status.save()
    return made


@pytest.fixture
def browser(client: Any, superuser: Any) -> Any:
    client.force_login(superuser)
    return client


def address(model: str, act: str, *args: Any) -> str:
    return reverse(f"admin:{model}_{act}", args=args)


def confirm(browser: Any, where: str, shown: Any, **fields: Any) -> Change:
    """Sends the confirmation; the message that follows links to the change."""
    answer = browser.post(where, {**hidden_of(shown), "step": "apply", **fields})
    assert answer.status_code == 302, answer.content.decode()
    said = " ".join(str(one) for one in get_messages(answer.wsgi_request))
    found = re.search(r'href="/changes/([0-9a-f-]{36})/"', said)
    assert found, said
    change = Change.objects.get(pk=found[1])
    assert change.origin == "admin"
    return change


def choose(browser: Any, model: str, action: str, rows: Any, **fields: Any) -> Any:
    """Chooses rows of a list and an action on them, as the list's form does."""
    sent = {"action": action, "index": "0", "_selected_action": [row.pk for row in rows], **fields}
    return browser.post(address(model, "changelist"), sent)


def seen_again(make: Any, *args: Any, **columns: Any) -> Any:
    """The row as an inventory would find it, whatever of it is kept already."""
    model = {add_vhost: VirtualHost, add_user: BrokerUser, permit: BrokerPermission,
             permit_topic: BrokerTopicPermission}[make]  # fmt: skip
    model.objects.filter(broker=args[0]).delete()
    return make(*args, **columns)


def test_a_vhost_is_added_changed_and_deleted(
    browser: Any, broker: Any, names: Any, seen: Any, now: Any
) -> None:
    name = names("vhost")
    add = address("vhosts_virtualhost", "add") + f"?broker={broker.pk}"
    assert browser.get(add).status_code == 200
    shown = preview(
        browser, add, name=name, description="orders", tags="b, a", max_queues="7",
        default_queue_type="quorum",
    )  # fmt: skip
    assert b"rabbitmqctl add_vhost" in shown.content
    assert not Change.objects.exists(), "a dry run leaves nothing behind"
    assert not ManagedObject.objects.exists()
    assert seen("vhosts", name) is None
    change = confirm(browser, add, shown, reason="ticket 7")
    assert change.reason == "ticket 7"
    assert apply(change).state == "done"
    assert seen("vhosts", name)["description"] == "orders"
    assert seen("vhost-limits", name)[0]["value"] == {"max-queues": 7}

    row = seen_again(
        add_vhost, broker, name, now, description="orders", tags=["a", "b"],
        default_queue_type="quorum", limits={"max-queues": 7}, tracing=False,
    )  # fmt: skip
    edit = address("vhosts_virtualhost", "change", row.pk)
    form = browser.get(edit).context["form"]
    assert form["description"].value() == "orders"
    filled = {
        "generation": form["generation"].value(),
        "default_queue_type": "quorum",
        "tags": "a, b",
    }
    shown = preview(browser, edit, description="invoices", max_queues="7", **filled)
    assert [f.name for line in shown.context["preview"].lines for f in line.fields] == [
        "description"
    ]
    assert apply(confirm(browser, edit, shown)).state == "done"
    assert seen("vhosts", name)["description"] == "invoices"
    stale = browser.post(edit, {**filled, "description": "mine", "generation": "1"})
    assert browser.post(edit, {**hidden_of(stale), "step": "apply"}).status_code == 412

    delete = address("vhosts_virtualhost", "delete", row.pk)
    shown = browser.get(delete)
    assert b"bindings are deleted too" in shown.content
    wrong = browser.post(delete, {**hidden_of(shown), "step": "apply", "typed": "other"})
    assert wrong.status_code == 400
    assert seen("vhosts", name) is not None
    assert apply(confirm(browser, delete, shown, typed=name)).state == "done"
    assert seen("vhosts", name) is None
    audited = AuditEntry.objects.filter(target=name).order_by("id").values_list("action", flat=True)
    assert list(audited) == ["vhost:create", "vhost:update", "vhost:delete"]


def test_a_user_is_added_changed_and_deleted_and_its_password_only_written(
    browser: Any, broker: Any, names: Any, seen: Any, now: Any, live_broker: Any
) -> None:
    name, password = names("user"), "canary-passphrase"
    add = address("accessctl_brokeruser", "add") + f"?broker={broker.pk}"
    shown = preview(
        browser, add, name=name, password_way="typed", password=password, tags="monitoring",
        max_connections="3",
    )  # fmt: skip
    assert password not in shown.content.decode()
    assert not Change.objects.exists()
    change = confirm(browser, add, shown)
    assert apply(change).state == "done"
    hashed = seen("users", name)["password_hash"]
    assert hashed
    assert seen("user-limits", name)[0]["value"] == {"max-connections": 3}

    row = seen_again(
        add_user, broker, name, now, tags=["monitoring"], limits={"max-connections": 3}
    )
    edit = address("accessctl_brokeruser", "change", row.pk)
    page = browser.get(edit)
    generation = page.context["form"]["generation"].value()
    shown = preview(browser, edit, password_way="keep", other_tags="ops", generation=generation)
    assert apply(confirm(browser, edit, shown)).state == "done"
    assert seen("users", name)["tags"] == ["ops"]
    assert seen("users", name)["password_hash"] == hashed, "tags are changed without the password"
    generated = preview(
        browser, edit, password_way="generated", other_tags="ops",
        generation=browser.get(edit).context["form"]["generation"].value(),
    )  # fmt: skip
    assert not re.search(r"<code>[A-Za-z0-9]{24}</code>", generated.content.decode())
    change = confirm(browser, edit, generated)
    assert apply(change).state == "done"
    once = re.search(r"<code>([A-Za-z0-9]{24})</code>", browser.get(edit).content.decode())[1]
    browser.post("/once/", {"change": str(change.pk)})
    assert seen("users", name)["password_hash"] != hashed
    for answer in (
        page,
        browser.get(edit),
        browser.get(address("console_change", "change", change.pk)),
    ):
        assert once not in answer.content.decode()
        assert seen("users", name)["password_hash"] not in answer.content.decode()

    delete = address("accessctl_brokeruser", "delete", row.pk)
    assert apply(confirm(browser, delete, browser.get(delete), typed=name)).state == "done"
    assert seen("users", name) is None
    assert password not in str(list(AuditEntry.objects.values_list()))


def test_permissions_are_set_and_taken_away_and_topic_permissions_too(
    browser: Any, broker: Any, names: Any, seen: Any, now: Any, live_broker: Any
) -> None:
    vhost, user = names("vhost"), names("user")
    live_broker.call("PUT", "vhosts", vhost, body={})
    live_broker.call("PUT", "users", user, body={"password": "x", "tags": ""})
    add_vhost(broker, vhost, now)
    add_user(broker, user, now)
    where = {"user": user, "vhost": vhost}
    add = address("accessctl_brokerpermission", "add") + f"?broker={broker.pk}"
    refused = browser.post(add, {**where, "user": "nobody-of-that-name", "rights": "full"})
    assert refused.status_code == 400
    assert b"has no user nobody-of-that-name" in refused.content
    shown = preview(browser, add, **where, rights="custom", configure="^a", write="^b", read="^c")
    assert apply(confirm(browser, add, shown)).state == "done"
    assert seen("permissions", vhost, user)["write"] == "^b"

    row = seen_again(permit, broker, user, vhost, now, "^a", "^b", "^c")
    edit = address("accessctl_brokerpermission", "change", row.pk)
    form = browser.get(edit).context["form"]
    assert (form["configure"].value(), form["rights"].value()) == ("^a", "custom")
    shown = preview(browser, edit, rights="full", generation=form["generation"].value())
    assert apply(confirm(browser, edit, shown)).state == "done"
    assert seen("permissions", vhost, user)["configure"] == ".*"
    bad = browser.post(edit, {"rights": "custom", "configure": "(", "write": "", "read": ""})
    assert bad.status_code == 400
    assert not Change.objects.filter(finished_at=None).exists()

    topics = address("accessctl_brokertopicpermission", "add") + f"?broker={broker.pk}"
    shown = preview(browser, topics, **where, exchange="amq.topic", write="^k", read=".*")
    assert apply(confirm(browser, topics, shown)).state == "done"
    assert seen("topic-permissions", vhost, user)[0]["write"] == "^k"
    topic = seen_again(permit_topic, broker, user, vhost, "amq.topic", now)
    edit = address("accessctl_brokertopicpermission", "change", topic.pk)
    generation = browser.get(edit).context["form"]["generation"].value()
    shown = preview(browser, edit, write="^z", read=".*", generation=generation)
    assert apply(confirm(browser, edit, shown)).state == "done"
    assert seen("topic-permissions", vhost, user)[0]["write"] == "^z"

    for model, one, noun in (
        ("brokertopicpermission", topic, "topic permission"),
        ("brokerpermission", row, "permission"),
    ):
        delete = address(f"accessctl_{model}", "delete", one.pk)
        shown = browser.get(delete)
        assert shown.context["asked"].act == f"Clear {noun}"
        assert apply(confirm(browser, delete, shown)).state == "done"
    assert not seen("topic-permissions", vhost, user)
    assert seen("permissions", vhost, user) is None


def test_an_action_on_many_rows_shows_its_plan_and_then_is_one_change(
    browser: Any, broker: Any, names: Any, seen: Any, now: Any, live_broker: Any
) -> None:
    vhost, users = names("vhost"), [names("user") for _ in range(3)]
    live_broker.call("PUT", "vhosts", vhost, body={})
    add_vhost(broker, vhost, now)
    for user in users:
        live_broker.call("PUT", "users", user, body={"password": "x", "tags": ""})
        live_broker.call(
            "PUT", "permissions", vhost, user, body={"configure": "", "write": "", "read": ".*"}
        )
        add_user(broker, user, now)
        permit(broker, user, vhost, now, "", "", ".*")
    rows = list(BrokerUser.objects.filter(name__in=users))
    where = address("accessctl_brokeruser", "changelist")

    shown = choose(browser, "accessctl_brokeruser", "adopt_chosen", rows[:2])
    assert shown.context["preview"].counts["unchanged"] == 2
    assert not Change.objects.exists()
    assert apply(confirm(browser, where, shown)).state == "done"
    assert ManagedObject.objects.filter(kind="user", sync=Sync.IN_SYNC).count() == 2
    again = choose(browser, "accessctl_brokeruser", "adopt_chosen", rows)
    assert b"2 of the selected objects are already managed" in again.content
    all_of_them = choose(browser, "accessctl_brokeruser", "adopt_chosen", rows[:2])
    assert b"already managed" in all_of_them.content
    assert all_of_them.status_code == 400

    shown = choose(browser, "accessctl_brokeruser", "clear_chosen", rows)
    assert shown.context["preview"].counts["delete"] == 3
    assert seen("permissions", vhost, users[0]) is not None
    change = confirm(browser, where, shown)
    assert apply(change).state == "done"
    assert change.steps.count() == 3
    assert [seen("permissions", vhost, user) for user in users] == [None] * 3

    BrokerPermission.objects.all().delete()
    shown = choose(browser, "accessctl_brokeruser", "delete_chosen", rows[:1], select_across="1")
    assert shown.context["preview"].counts["delete"] == 3, "all that the list holds, not one page"
    wrong = browser.post(where, {**hidden_of(shown), "step": "apply", "typed": users[0]})
    assert wrong.status_code == 400
    assert apply(confirm(browser, where, shown, typed="3 users")).state == "done"
    assert [seen("users", user) for user in users] == [None] * 3


def test_drift_is_pushed_back_or_accepted_from_the_list_of_what_was_asked(
    browser: Any, broker: Any, names: Any, seen: Any, now: Any, live_broker: Any, engine: Any
) -> None:
    engine.broker = broker
    mine, theirs = names("vhost"), names("vhost")
    for name in (mine, theirs):
        engine.do(("vhost", [name], {"description": "asked"}))
        live_broker.call("PUT", "vhosts", name, body={"description": "other"})
    VirtualHost.objects.all().delete()
    for name in (mine, theirs):
        add_vhost(broker, name, now, description="other", tracing=False)
    rows = list(ManagedObject.objects.filter(broker=broker).order_by("id"))
    where = address("console_managedobject", "changelist")
    nothing = choose(browser, "console_managedobject", "push_chosen", rows)
    assert b"None of the selected objects differs" in nothing.content
    ManagedObject.objects.update(sync=Sync.DRIFTED)
    shown = choose(browser, "console_managedobject", "push_chosen", rows[:1])
    assert [f.becomes for line in shown.context["preview"].lines for f in line.fields] == ["asked"]
    assert apply(confirm(browser, where, shown)).state == "done"
    assert seen("vhosts", mine)["description"] == "asked"
    shown = choose(browser, "console_managedobject", "accept_chosen", rows[1:])
    assert apply(confirm(browser, where, shown)).state == "done"
    assert seen("vhosts", theirs)["description"] == "other"
    rows[1].refresh_from_db()
    assert rows[1].spec["description"] == "other"


def test_a_broker_that_is_down_makes_the_change_wait_and_that_is_said(
    browser: Any, now: Any
) -> None:
    broker = add_broker("away", now, state="unreachable")
    add = address("vhosts_virtualhost", "add")
    page = browser.get(add)
    assert b"once the broker is reachable" in page.content
    shown = preview(browser, add, name="later")
    answer = browser.post(add, {**hidden_of(shown), "step": "apply"})
    said = " ".join(str(one) for one in get_messages(answer.wsgi_request))
    assert (
        "away didn't answer the last request. The change is applied once the broker is reachable"
        in said
    )
    change = Change.objects.get()
    assert apply(change).state == "waiting"
    assert BrokerStatus.objects.get(broker=broker).state == "unreachable"


def test_the_broker_is_chosen_where_there_are_several(browser: Any, now: Any) -> None:
    first, second = add_broker("one", now), add_broker("<b>two</b>", now)
    add = address("vhosts_virtualhost", "add")
    page = browser.get(add).content.decode()
    assert f'href="?broker={first.pk}"' in page
    assert f'href="?broker={second.pk}"' in page
    assert "<b>two</b>" not in page
    for wrong in ("0", "nonsense", "9" * 40, "\x00"):
        assert browser.get(add, {"broker": wrong}).status_code == 404


def test_the_consoles_own_user_is_not_deleted_from_under_it(browser: Any, now: Any) -> None:
    row = add_user(add_broker("b", now), "warren", now)
    answer = browser.get(address("accessctl_brokeruser", "delete", row.pk))
    assert answer.status_code == 400
    assert b"The console signs in" in answer.content


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text_on_every_page(browser: Any, now: Any, name: str) -> None:
    broker = add_broker("b", now)
    vhost, user = add_vhost(broker, name, now, tracing=False), add_user(broker, name, now)
    pages = [
        browser.get(address("vhosts_virtualhost", "changelist")),
        browser.get(address("vhosts_virtualhost", "change", vhost.pk)),
        browser.get(address("vhosts_virtualhost", "delete", vhost.pk)),
        browser.get(address("accessctl_brokeruser", "change", user.pk)),
        browser.get(address("accessctl_brokeruser", "delete", user.pk)),
        choose(browser, "vhosts_virtualhost", "delete_chosen", [vhost]),
    ]
    for page in pages:
        assert page.status_code == 200
        for alive in (b"<img src=x", b"<svg/onload", b"</script><script>alert"):
            assert alive not in page.content


@pytest.mark.parametrize("model", ["vhosts_virtualhost", "accessctl_brokeruser",
                                   "accessctl_brokerpermission", "accessctl_brokertopicpermission"])  # fmt: skip
def test_only_superusers_act_here(
    client: Any, django_user_model: Any, now: Any, model: str, person_with_everything: Any
) -> None:
    broker = add_broker("b", now)
    rows = {
        "vhosts_virtualhost": add_vhost(broker, "/v", now),
        "accessctl_brokeruser": add_user(broker, "u", now),
        "accessctl_brokerpermission": permit(broker, "u", "/v", now),
        "accessctl_brokertopicpermission": permit_topic(broker, "u", "/v", "amq.topic", now),
    }
    client.force_login(person_with_everything)
    row = rows[model]
    for act, args in (
        ("changelist", ()),
        ("add", ()),
        ("change", (row.pk,)),
        ("delete", (row.pk,)),
    ):
        for method in (client.get, client.post):
            answer = method(address(model, act, *args), {"step": "apply", "name": "x"})
            assert answer.status_code in (302, 403)
    assert not Change.objects.exists()


@pytest.fixture
def person_with_everything(django_user_model: Any, db: None) -> Any:
    """Staff, with every right of Django's own and a grant on all brokers: still no superuser."""
    from django.contrib.auth.models import Permission

    from accessctl.models import Grant

    person = django_user_model.objects.create_user("staff", is_staff=True)
    person.user_permissions.set(Permission.objects.all())
    Grant.objects.create(
        user=person, role="broker_administrator", created_at="2026-01-01T00:00:00Z"
    )
    return person


def test_a_row_that_is_gone_is_told(browser: Any, now: Any) -> None:
    row = permit_topic(add_broker("b", now), "u", "/v", "amq.topic", now)
    BrokerTopicPermission.objects.all().delete()
    for act in ("change", "delete"):
        for pk in (row.pk, "nonsense", "9" * 30):
            answer = browser.get(address("accessctl_brokertopicpermission", act, pk))
            assert answer.status_code == 302
    answer = choose(browser, "accessctl_brokertopicpermission", "delete_chosen", [row])
    assert answer.status_code == 400
    assert b"no longer exist" in answer.content
