"""RabbitMQ's users by form: form, preview, change, and what the live broker has in the end."""

from __future__ import annotations

import re

import pytest

from accessctl.models import BrokerUser
from console.models import AuditEntry, Change, ManagedObject, Step
from console.rabbitmq.endpoint import Secret
from console.rabbitmq.passwords import SHA256, hash_password
from tests.acting import apply, confirm, hidden_of, preview
from tests.engine import names, seen  # noqa: F401
from tests.factories import HOSTILE, add_broker, add_user

pytestmark = pytest.mark.django_db
PASSWORD = " correct horse: battery "


@pytest.fixture
def browser(client, superuser):
    client.force_login(superuser)
    return client


@pytest.fixture
def broker(make_broker):
    return make_broker()


def can_log_in(live_broker, name, password):
    """Whether the broker itself takes the password."""
    import urllib.error
    from base64 import b64encode
    from urllib.request import Request, urlopen

    given = b64encode(f"{name}:{password}".encode()).decode()
    request = Request(f"{live_broker.url}/api/whoami", headers={"Authorization": f"Basic {given}"})  # noqa: S310
    try:
        with urlopen(request, timeout=20) as answer:  # noqa: S310
            return answer.status == 200
    except urllib.error.HTTPError as error:
        if error.code != 401:
            raise
        return False


def test_a_user_is_created_with_a_password_that_is_kept_nowhere(
    browser, broker, names, seen, live_broker, caplog  # noqa: F811
):  # fmt: skip
    name = names("user")
    address = f"/users/new/?broker={broker.pk}"
    shown = preview(
        browser, address, name=name, password_way="typed", password=PASSWORD,
        tags=["management"], other_tags="team-a", max_channels="9",
    )  # fmt: skip
    assert "horse" not in shown.content.decode()
    assert "no-store" in shown["Cache-Control"]
    change = confirm(browser, address, shown)
    assert apply(change).state == "done"
    assert sorted(seen("users", name)["tags"]) == ["management", "team-a"]
    assert seen("user-limits", name)[0]["value"] == {"max-channels": 9}
    assert can_log_in(live_broker, name, PASSWORD)
    assert not can_log_in(live_broker, name, PASSWORD.strip())
    kept = [*Step.objects.values(), *ManagedObject.objects.values(), *AuditEntry.objects.values()]
    assert "horse" not in f"{kept} {caplog.text}"
    assert Step.objects.get().secrets_encrypted == ""


def test_tags_are_changed_without_the_password_and_the_password_without_tags(
    browser, broker, names, seen, live_broker, poll_now, inventory_now  # noqa: F811
):  # fmt: skip
    name = names("user")
    live_broker.call("PUT", "users", name, body={"password": "first one", "tags": "management"})
    poll_now(broker)
    inventory_now(broker)
    edit = f"/users/{BrokerUser.objects.get(broker=broker, name=name).pk}/edit/"
    form = browser.get(edit).context["form"]
    assert (form["password_way"].value(), form["tags"].value()) == ("keep", ["management"])
    shown = preview(browser, edit, password_way="keep", tags=["management", "monitoring"])
    assert [f.name for line in shown.context["preview"].lines for f in line.fields] == ["tags"]
    assert apply(confirm(browser, edit, shown)).state == "done"
    assert can_log_in(live_broker, name, "first one")

    inventory_now(broker)
    shown = preview(
        browser, edit, password_way="typed", password="second one",
        tags=["management", "monitoring"],
    )  # fmt: skip
    assert {f.secret for line in shown.context["preview"].lines for f in line.fields} == {True}
    assert apply(confirm(browser, edit, shown)).state == "done"
    assert sorted(seen("users", name)["tags"]) == ["management", "monitoring"]
    assert can_log_in(live_broker, name, "second one")


def test_a_generated_password_is_shown_when_it_works_and_until_it_is_put_away(
    browser, broker, names, live_broker  # noqa: F811
):  # fmt: skip
    name = names("user")
    address = f"/users/new/?broker={broker.pk}"
    shown = preview(browser, address, name=name, password_way="generated", tags=["management"])
    password = shown.context["asked"].once
    assert re.fullmatch(r"[A-Za-z0-9]{24}", password)
    assert password not in shown.content.decode(), "it doesn't work yet"
    change = confirm(browser, address, shown)
    kept = str(dict(browser.session))
    assert str(change.pk) in kept
    assert password not in kept, "the session holds it encrypted"
    waiting = browser.get("/users/").content.decode()
    assert "as soon as the change is applied" in waiting
    assert password not in waiting
    assert apply(change).state == "done"
    assert can_log_in(live_broker, name, password)
    code = f'<code class="once">{password}</code>'
    assert code in browser.get("/once/").content.decode()
    assert code in browser.get("/changes/").content.decode(), "still there on the next page"
    away = browser.post("/once/", {"change": str(change.pk), "next": "/users/"})
    assert (away.status_code, away["Location"]) == (302, "/users/")
    assert password not in browser.get("/users/").content.decode()
    assert browser.get("/once/").content.strip() == b""


def test_a_generated_password_that_was_refused_is_not_shown(browser, broker, names):  # noqa: F811
    address = f"/users/new/?broker={broker.pk}"
    shown = preview(browser, address, name=names("user"), password_way="generated")
    password = shown.context["asked"].once
    change = confirm(browser, address, shown)
    Change.objects.filter(pk=change.pk).update(state="rejected")
    page = browser.get("/once/").content.decode()
    assert "doesn’t work" in page
    assert password not in page


def test_a_user_without_a_password_and_one_with_a_hash(
    browser, broker, names, seen, live_broker  # noqa: F811
):  # fmt: skip
    address = f"/users/new/?broker={broker.pk}"
    bare, hashed = names("user"), names("user")
    shown = preview(browser, address, name=bare, password_way="none")
    assert apply(confirm(browser, address, shown)).state == "done"
    assert seen("users", bare)["password_hash"] == ""
    made = hash_password(Secret("elsewhere"), SHA256).reveal()
    shown = preview(
        browser, address, name=hashed, password_way="hashed", password_hash=made,
        hashing_algorithm=SHA256, tags=["management"],
    )  # fmt: skip
    assert made not in shown.content.decode()
    assert apply(confirm(browser, address, shown)).state == "done"
    assert can_log_in(live_broker, hashed, "elsewhere")


def test_a_user_is_deleted_after_its_losses_are_shown(
    browser, make_broker, names, seen, live_broker, poll_now, inventory_now  # noqa: F811
):  # fmt: skip
    broker = make_broker(environment="production")
    name = names("user")
    live_broker.call("PUT", "users", name, body={"password_hash": "", "tags": ""})
    live_broker.call(
        "PUT", "permissions", "/", name, body={"configure": "", "write": "", "read": ".*"}
    )
    poll_now(broker)
    inventory_now(broker)
    delete = f"/users/{BrokerUser.objects.get(broker=broker, name=name).pk}/delete/"
    shown = browser.get(delete)
    assert b"Its permissions on 1 virtual hosts are deleted too: /." in shown.content
    assert browser.post(delete, {**hidden_of(shown), "step": "apply"}).status_code == 400
    assert apply(confirm(browser, delete, shown, typed=name)).state == "done"
    assert seen("users", name) is None


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": ""}, "Enter a name."),
        ({"name": "a:b"}, "colon"),
        ({"password": ""}, "Enter a password"),
        ({"password": "a\0b"}, "Null characters"),
        ({"password": "x" * 1500}, "at most 1024 bytes"),
        ({"password_way": "hashed", "password_hash": "not base64"}, "valid password hash"),
        ({"password_way": "keep"}, "not one of the available choices"),
        ({"max_channels": "5.5"}, "must be a whole number"),
        ({"tags": ["king"]}, "not one of the available choices"),
        ({"other_tags": ",".join(map(str, range(40)))}, "the limit is 32"),
    ],
)
def test_bad_input_is_told_and_nothing_but_the_password_is_lost(fields, said, browser, now):
    add_broker("b", now)
    given = {
        "name": "somebody",
        "password_way": "typed",
        "password": "hush hush",
        "max_connections": "17",
    }
    answer = browser.post("/users/new/", {**given, **fields})
    assert answer.status_code == 400
    text = answer.content.decode()
    assert said in text
    assert 'value="17"' in text
    assert "hush hush" not in text
    if "password" not in fields:
        assert "Enter the password again" in text
    assert not Change.objects.exists()


def test_a_sealed_password_is_good_for_one_person_and_one_user_only(
    browser, now, client, django_user_model
):
    broker = add_broker("b", now)
    address = f"/users/new/?broker={broker.pk}"
    shown = preview(browser, address, name="one", password_way="typed", password="hush")
    moved = {**hidden_of(shown), "name": ["two"], "step": "apply"}
    assert browser.post(address, moved).status_code == 400
    client.force_login(django_user_model.objects.create_superuser("else"))
    assert client.post(address, {**hidden_of(shown), "step": "apply"}).status_code == 400
    assert not Change.objects.exists()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_shown_as_text(name, browser, now):
    broker = add_broker("b", now)
    user = add_user(broker, name, now)
    pages = [browser.get(f"/users/{user.pk}/{page}") for page in ("", "edit/", "delete/")]
    pages.append(browser.post("/users/new/", {"name": name + "2", "password_way": "none"}))
    for shown in pages:
        assert shown.status_code in {200, 400}
        for markup in ("<img src=x", "<svg/onload", "<script>alert"):
            assert markup not in shown.content.decode()


def test_the_console_s_own_user_cannot_be_deleted(browser, now):
    broker = add_broker("b", now)
    user = add_user(broker, broker.username, now)
    refused = browser.get(f"/users/{user.pk}/delete/")
    assert refused.status_code == 400
    assert b"The console signs in" in refused.content


class TestGrants:
    def test_a_vhost_administrator_sets_no_tags_and_only_their_own_users(self, client, cast):
        client.force_login(cast.vera)
        ids = {user.name: user.pk for user in BrokerUser.objects.filter(broker=cast.a)}
        form = client.get(f"/users/new/?broker={cast.a.pk}").content.decode()
        assert 'name="tags"' not in form
        assert 'name="max_connections"' not in form
        preview(client, f"/users/new/?broker={cast.a.pk}", name="new", password_way="none")
        assert client.get(f"/users/{ids['red']}/edit/").status_code == 200
        assert client.get(f"/users/{ids['shared']}/edit/").status_code == 403
        assert client.get(f"/users/{ids['root']}/delete/").status_code == 403
        assert client.get(f"/users/{ids['other']}/edit/").status_code == 404
        page = client.get(f"/users/{ids['shared']}/").content.decode()
        assert f"/users/{ids['shared']}/edit/" not in page

    def test_a_viewer_is_refused(self, client, cast):
        client.force_login(cast.bob)
        user = BrokerUser.objects.get(broker=cast.a, name="red")
        assert client.get(f"/users/new/?broker={cast.a.pk}").status_code == 403
        assert client.get(f"/users/{user.pk}/edit/").status_code == 403
