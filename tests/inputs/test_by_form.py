"""Bad input by the browser's forms: one sentence at the field, nothing typed lost but secrets, nothing kept."""

from __future__ import annotations

import html
import json
import re
from typing import Any
from urllib.parse import urlencode

import pytest
from django.utils import timezone

from console.engine.applying.attempt import secrets_of
from console.models import BrokerStatus, Change, ManagedObject
from console.rabbitmq.endpoint import Secret
from console.rabbitmq.passwords import SHA512, hash_password, password_matches
from tests.acting import apply, confirm, hidden_of, preview
from tests.factories import add_user, add_vhost, permit
from tests.inputs.names import REFUSED

pytestmark = pytest.mark.django_db
FULL = {"configure": ".*", "write": ".*", "read": ".*"}


def told(answer: Any, *said: str, status: int = 400) -> str:
    """The page, which says one of these, with nothing kept."""
    assert answer.status_code == status
    text = html.unescape(answer.content.decode())
    assert any(one in text for one in said), re.findall(r"field-error.*", text)[:5]
    assert not Change.objects.exists()
    assert not ManagedObject.objects.exists()
    return str(answer.content.decode())


def in_error(text: str, field: str) -> bool:
    (control,) = re.findall(rf'<(?:input|select)\b[^>]*\bname="{field}"[^>]*>', text)
    return 'aria-invalid="true"' in control


@pytest.fixture
def seen(broker, now):
    """A virtual host and a user as an inventory would have found them."""
    vhost, user = add_vhost(broker, "v", now), add_user(broker, "u", now, tags=["management"])
    permit(broker, "u", "v", now)
    return vhost, user


@pytest.mark.parametrize("row", REFUSED, ids=[row.id for row in REFUSED])
def test_a_name_that_cannot_be_is_told_at_its_field(doors, row):
    given = {
        "vhost": {"description": "kept", "tags": "kept, too"},
        "user": {"password_way": "none", "other_tags": "kept, too", "max_channels": "17"},
    }
    for kind in row.kinds:
        answer = doors.browser.post(f"/{kind}s/new/", {"name": row.name, **given[kind]})
        text = told(answer, *row.said)
        assert in_error(text, "name")
        assert 'value="kept, too"' in text
        if row.name.isprintable():
            assert f'value="{html.escape(row.name)}"' in text or not row.name


def test_n27_bytes_that_are_no_utf_8_are_not_turned_into_another_name(doors):
    body = b"name=a%FFb&tags=kept"
    answer = doors.browser.generic(
        "POST", "/vhosts/new/", body, content_type="application/x-www-form-urlencoded"
    )
    text = told(answer, "isn't valid UTF-8")
    assert 'value="kept"' in text


def test_n5_a_topic_permission_needs_a_named_exchange(doors, seen):
    given = {"user": "u", "vhost": "v", "exchange": "", "write": "^kept", "read": ""}
    address = f"/topic-permissions/edit/?broker={doors.broker.pk}"
    assert 'value="^kept"' in told(doors.browser.post(address, given), "This field is required")


def set_rights(doors: Any, **given: str) -> Any:
    fields = {"user": "u", "vhost": "v", "rights": "custom", **FULL, **given}
    return doors.browser.post(f"/permissions/edit/?broker={doors.broker.pk}", fields)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        pytest.param({"write": "("}, "missing closing parenthesis, at character 2", id="R1 ("),
        pytest.param({"read": "["}, "at character 2", id="R1 ["),
        pytest.param({"read": "*a"}, "at character 1", id="R1 *a"),
        pytest.param({"read": "\\"}, "at character 2", id="R1 backslash"),
        pytest.param({"read": "(?#"}, "at character 4", id="R1 comment"),
        pytest.param({"read": "x" * 1025}, "1,025 bytes", id="R6"),
        pytest.param({"read": "a\\x00b"}, "NUL", id="R10 escaped"),
        pytest.param({"read": "a\0b"}, "Null characters", id="R10"),
        pytest.param({"user": "nobody"}, "no user nobody", id="R14 user"),
        pytest.param({"vhost": "nowhere"}, "no virtual host nowhere", id="R14 vhost"),
    ],
)
def test_a_pattern_that_no_broker_should_get_is_told_at_its_field(doors, seen, fields, said):
    BrokerStatus.objects.filter(broker=doors.broker).update(inventory_at=timezone.now())
    text = told(set_rights(doors, configure="^kept", **fields), said)
    assert in_error(text, next(iter(fields)))
    assert 'value="^kept"' in text


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        pytest.param("", "", id="R2"),
        pytest.param("^(a+)+$", "Takes too many steps", id="R4"),
        pytest.param("^[[:alpha:]]+$", "", id="R8"),
        pytest.param("orders", "Not anchored with ^", id="R13"),
        pytest.param("x" * 1024, "", id="R6"),
    ],
)
def test_a_legal_pattern_is_planned_with_what_to_think_of(doors, seen, pattern, said):
    shown = set_rights(doors, write=pattern)
    assert shown.status_code == 200
    assert said in html.unescape(shown.content.decode())
    (line,) = shown.context["preview"].lines
    assert {f.name: f.after for f in line.fields} == {"write": pattern}


def test_r2_an_empty_pattern_is_explained(doors, seen):
    answer = doors.browser.get(f"/explain/{doors.broker.pk}/pattern/?vhost=v&pattern=")
    assert answer.status_code == 200
    assert "nothing" in answer.content.decode()


@pytest.mark.parametrize("pattern", ["(a{255}){255}", "((a{100}){100}){100}"])
def test_r5_a_preview_of_a_monster_ends(doors, seen, pattern):
    asked = urlencode({"pattern": pattern, "vhost": "v"})
    shown = doors.browser.get(f"/explain/{doors.broker.pk}/pattern/?{asked}")
    assert shown.status_code == 200
    assert set_rights(doors, write=pattern).status_code in (200, 400)


def test_r16_variables_are_explained_and_left_to_the_broker(doors, seen):
    given = {
        "user": "u",
        "vhost": "v",
        "exchange": "amq.topic",
        "write": "^{client_id}-",
        "read": "",
    }
    address = f"/topic-permissions/edit/?broker={doors.broker.pk}"
    shown = preview(doors.browser, address, **given)
    assert "{client_id} stands for the MQTT client" in html.unescape(shown.content.decode())
    change = confirm(doors.browser, address, shown)
    assert change.steps.get().target.spec["write"] == "^{client_id}-"


GOOD = hash_password(Secret("x")).reveal()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        pytest.param({"password_way": "hashed", "password_hash": "not base64"}, "valid password hash", id="U3"),
        pytest.param({"password_way": "hashed", "password_hash": GOOD[:-8]}, "valid password hash", id="U3 short"),
        pytest.param({"password_way": "hashed", "password_hash": GOOD, "hashing_algorithm": SHA512},
                     "valid password hash", id="U3 other algorithm"),
        pytest.param({"password_way": "hashed", "password_hash": GOOD, "hashing_algorithm": "rot13"},
                     "not one of the available choices", id="U3 no algorithm"),
        pytest.param({"password_way": "hashed", "password_hash": ""}, "exactly one", id="U3 none"),
        pytest.param({"password": ""}, "can't be empty", id="U4"),
        pytest.param({"password": "x" * 1025}, "at most 1024 bytes", id="U7 long"),
        pytest.param({"password": "é" * 600}, "at most 1024 bytes", id="U7 bytes"),
        pytest.param({"password": "a\0b"}, "Null characters", id="U7 NUL"),
        pytest.param({"max_connections": "-1"}, "0 or more", id="L1"),
        pytest.param({"max_connections": "1.5"}, "whole number", id="L2"),
        pytest.param({"max_connections": "2147483648"}, "at most 2147483647", id="L3"),
        pytest.param({"max_connections": "9" * 900}, "at most 2147483647", id="L3 long"),
        pytest.param({"max_connections": "9" * 5000}, "whole number", id="L3 longer"),
        pytest.param({"other_tags": ",".join(map(str, range(33)))}, "the limit is 32", id="T2"),
        pytest.param({"other_tags": "x" * 256}, "the limit is", id="T6"),
    ],
)  # fmt: skip
def test_a_user_that_cannot_be_is_told_and_only_secrets_are_lost(doors, fields, said):
    given = {
        "name": "somebody",
        "password_way": "typed",
        "password": "hush hush",
        "max_channels": "17",
    }
    text = told(doors.browser.post("/users/new/", {**given, **fields}), said)
    assert 'value="17"' in text
    assert 'value="somebody"' in text
    assert "hush hush" not in text
    assert GOOD not in text


def test_u7_2_mb_are_refused_by_the_page(doors):
    given = {"name": "u", "password_way": "typed", "password": "x" * 2_000_000}
    assert doors.browser.post("/users/new/", given).status_code == 400
    assert not Change.objects.exists()


@pytest.mark.parametrize("password", [" a: b ", "\U0001f511é", "=cmd"], ids=repr)
def test_u7_a_password_is_taken_exactly(doors, password):
    address = f"/users/new/?broker={doors.broker.pk}"
    shown = preview(doors.browser, address, name="u", password_way="typed", password=password)
    change = confirm(doors.browser, address, shown)
    assert password_matches(Secret(password), secrets_of(change.steps.get())["password_hash"])


def test_t3_a_tag_may_hold_a_space(doors):
    shown = preview(
        doors.browser, "/users/new/", name="u", password_way="none", other_tags="a b, c"
    )
    (line,) = shown.context["preview"].lines
    assert {f.name: f.after for f in line.fields}["tags"] == ["a b", "c"]


def test_l5_0_allows_nothing_and_empty_is_no_limit(doors):
    shown = preview(doors.browser, "/vhosts/new/", name="v", max_queues="0", max_connections="")
    (line,) = shown.context["preview"].lines
    assert {f.name: f.after for f in line.fields}["limits"] == {"max-queues": 0}


def test_u1_tags_are_changed_and_the_password_is_not_sent(doors, seen):
    edit = f"/users/{seen[1].pk}/edit/"
    shown = preview(doors.browser, edit, password_way="keep", tags=["monitoring"], generation="0")
    change = confirm(doors.browser, edit, shown)
    assert change.steps.get().secrets_encrypted == ""


def test_u8_no_page_gives_a_hash_back(doors, seen):
    address = f"/users/new/?broker={doors.broker.pk}"
    shown = preview(doors.browser, address, name="w", password_way="hashed", password_hash=GOOD)
    change = confirm(doors.browser, address, shown)
    for page in (f"/changes/{change.pk}/", "/audit/", f"/users/{seen[1].pk}/edit/"):
        assert GOOD not in doors.browser.get(page).content.decode()
    assert GOOD not in shown.content.decode()


# Order of events


@pytest.mark.parametrize("kind", ["vhost", "user", "permission", "topic permission"])
def test_x2_the_second_of_two_people_is_told(doors, seen, kind, broker):
    """Both opened the form before either asked."""
    vhost, user = seen
    cell = urlencode({"broker": broker.pk, "user": "u", "vhost": "v", "exchange": "amq.topic"})
    address, mine, theirs = {
        "vhost": (f"/vhosts/{vhost.pk}/edit/", {"tags": "mine"}, {"tags": "theirs"}),
        "user": (f"/users/{user.pk}/edit/", {"password_way": "keep", "other_tags": "mine"},
                 {"password_way": "keep", "other_tags": "theirs"}),
        "permission": (f"/permissions/edit/?{cell}",
                       {"user": "u", "vhost": "v", "rights": "custom", **FULL, "read": "^mine"},
                       {"user": "u", "vhost": "v", "rights": "full", "read": "", "write": ""}),
        "topic permission": (f"/topic-permissions/edit/?{cell}",
                             {"user": "u", "vhost": "v", "exchange": "amq.topic", "read": "^mine"},
                             {"user": "u", "vhost": "v", "exchange": "amq.topic", "read": "^theirs"}),
    }[kind]  # fmt: skip
    opened = hidden_of(doors.browser.get(address))["generation"]
    if kind == "permission":
        theirs = {**theirs, "rights": "read only"}
    confirm(doors.browser, address, preview(doors.browser, address, **theirs, generation=opened))
    shown = preview(doors.browser, address, **mine, generation=opened)
    refused = doors.browser.post(address, {**hidden_of(shown), "step": "apply"})
    assert refused.status_code == 412
    text = html.unescape(refused.content.decode())
    assert "Someone else changed" in text
    assert "mine" in text
    assert Change.objects.count() == 1


def test_x2_what_is_asked_between_preview_and_confirmation_is_shown_first(doors, seen):
    """A form that was opened on no object, and an act without a form."""
    address = f"/permissions/edit/?broker={doors.broker.pk}"
    given = {"user": "u", "vhost": "v", "rights": "read only"}
    shown = preview(doors.browser, address, **given)
    delete = f"/vhosts/{seen[0].pk}/delete/"
    doomed = doors.browser.get(delete)
    other = preview(doors.browser, address, **{**given, "rights": "write only"})
    confirm(doors.browser, address, other)
    edit = f"/vhosts/{seen[0].pk}/edit/"
    confirm(doors.browser, edit, preview(doors.browser, edit, tags="theirs", generation="0"))
    for where, page in ((address, shown), (delete, doomed)):
        again = doors.browser.post(where, {**hidden_of(page), "step": "apply", "typed": "v"})
        assert again.status_code == 400
        assert "has changed since this preview" in again.content.decode()
    assert Change.objects.count() == 2


def test_x4_and_x5_what_is_being_deleted_is_neither_deleted_again_nor_edited(doors, seen):
    for kind, row in zip(("vhosts", "users"), seen, strict=True):
        delete = f"/{kind}/{row.pk}/delete/"
        confirm(doors.browser, delete, doors.browser.get(delete), typed=row.name)
        assert doors.browser.get(delete).status_code == 409
        edit = f"/{kind}/{row.pk}/edit/"
        answer = doors.browser.post(edit, {"password_way": "keep", "tags": [], "generation": "1"})
        assert answer.status_code == 409
        assert "is being deleted, so it can&#x27;t be changed" in answer.content.decode()
    assert Change.objects.count() == 2


def test_x6_a_change_that_has_ended_is_not_stopped(doors):
    address = f"/vhosts/new/?broker={doors.broker.pk}"
    change = confirm(doors.browser, address, preview(doors.browser, address, name="v"))
    Change.objects.update(state="done")
    answer = doors.browser.post(f"/changes/{change.pk}/stop/", follow=True)
    assert "has already ended" in answer.content.decode()
    change.refresh_from_db()
    assert change.stop_requested_at is None


def test_x9_a_broker_that_is_switched_off_is_left_alone_and_the_change_says_so(doors):
    doors.broker.enabled = False
    doors.broker.save()
    address = f"/vhosts/new/?broker={doors.broker.pk}"
    change = apply(confirm(doors.browser, address, preview(doors.browser, address, name="off")))
    assert change.state == "waiting"
    page = doors.browser.get(f"/changes/{change.pk}/").content.decode()
    assert ("The broker is disabled in the console. Enable it to apply the change.") in page


def test_x10_what_is_there_unmanaged_is_not_made_again(doors, seen):
    for kind, row in zip(("vhosts", "users"), seen, strict=True):
        answer = doors.browser.post(f"/{kind}/new/", {"name": row.name, "password_way": "none"})
        assert "already exists on" in told(answer, "Edit it instead", status=409)


def test_x12_the_second_of_two_who_make_the_same_is_told(doors):
    address = f"/vhosts/new/?broker={doors.broker.pk}"
    mine, theirs = (preview(doors.browser, address, name="same", tags=tag) for tag in "ab")
    confirm(doors.browser, address, theirs)
    refused = doors.browser.post(address, {**hidden_of(mine), "step": "apply"})
    assert refused.status_code == 409
    assert "was already requested" in refused.content.decode()
    assert ManagedObject.objects.get().spec["tags"] == ["b"]


# The console's own


@pytest.fixture
def own(broker, now):
    return add_user(broker, broker.username, now, tags=["administrator", "a"])


def test_o1_the_console_s_own_user_is_not_deleted(doors, own):
    refused = doors.browser.get(f"/users/{own.pk}/delete/")
    told(refused, "The console signs in")


def test_o2_the_console_s_own_user_keeps_its_tag(doors, own):
    answer = doors.browser.post(
        f"/users/{own.pk}/edit/",
        {"password_way": "keep", "tags": ["monitoring"], "generation": "0"},
    )
    text = told(answer, "without the tag administrator")
    assert in_error(text, "other_tags")


def test_o4_deleting_the_default_vhost_says_that_it_is(doors, now):
    vhost = add_vhost(doors.broker, "/", now)
    text = doors.browser.get(f"/vhosts/{vhost.pk}/delete/").content.decode()
    assert "It is the default virtual host" in text


def test_n17_a_name_of_spaces_is_typed_to_delete_it(doors, now):
    vhost = add_vhost(doors.broker, "   ", now)
    delete = f"/vhosts/{vhost.pk}/delete/"
    shown = doors.browser.get(delete)
    for typed in ("", " "):
        answer = doors.browser.post(delete, {**hidden_of(shown), "step": "apply", "typed": typed})
        assert answer.status_code == 400
    confirm(doors.browser, delete, shown, typed="   ")


# Files that are sent to the page


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param(b"\x1f\x8b\x08\x00", "compressed (gzip)", id="F5"),
        pytest.param(b"PK\x03\x04", "compressed (zip)", id="F5 zip"),
        pytest.param("{}".encode("utf-16"), "UTF-16", id="F6"),
        pytest.param(b" " * (20 * 1024 * 1024 + 1), "larger than 20 MB", id="F4"),
    ],
)
def test_what_is_no_file_of_definitions_is_told_at_its_field(doors, body, said):
    assert 'value="kept"' in told(doors.upload(body, vhost="kept"), said)


def test_f4_300_mb_are_refused_before_they_are_read(doors):
    answer = doors.browser.generic(
        "POST", "/definitions/import/", b"--x\r\n", CONTENT_LENGTH=str(300 * 1024 * 1024),
        content_type="multipart/form-data; boundary=x",
    )  # fmt: skip
    assert answer.status_code == 400
    assert b"too large" in answer.content


def test_r9_recursion_is_left_to_the_broker_whose_words_are_told(doors, live_broker, names, now):
    vhost, user = names("vhost"), names("user")
    live_broker.call("PUT", "vhosts", vhost, body={})
    live_broker.call("PUT", "users", user, body={"password_hash": "", "tags": ""})
    add_vhost(doors.broker, vhost, now)
    add_user(doors.broker, user, now)
    shown = set_rights(doors, user=user, vhost=vhost, write="^(a(?R)?b)$")
    assert shown.status_code == 200
    address = f"/permissions/edit/?broker={doors.broker.pk}"
    change = apply(confirm(doors.browser, address, shown))
    step = change.steps.get()
    if change.state == "rejected":
        assert step.error_detail in html.unescape(
            doors.browser.get(f"/changes/{change.pk}/").content.decode()
        )
    else:
        assert live_broker.call("GET", "permissions", vhost, user)["write"] == "^(a(?R)?b)$"


def test_r1_cells_of_the_matrix_survive_a_refusal(doors, seen):
    opened = doors.browser.post(
        f"/permissions/edit/?broker={doors.broker.pk}",
        {"step": "open", "cell": json.dumps(["u", "v"])},
    )
    cells = hidden_of(opened)["cells"]
    answer = doors.browser.post(
        f"/permissions/edit/?broker={doors.broker.pk}",
        {"cells": cells, "rights": "custom", "configure": "(", "write": "", "read": ""},
    )
    assert answer.status_code == 400
    assert hidden_of(answer)["cells"] == cells
