"""What a person may not see is answered as what is not there: by every door, with the same status and words."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
import time_machine
from django.db import transaction
from django.test import Client
from django.urls import reverse

from accessctl.models import BrokerPermission, BrokerTopicPermission, BrokerUser, Grant
from console.models import BrokerStatus, Change, ManagedObject, Step, Sync
from tests.accessctl.cast import AT, make_cast
from tests.tenants import ALL, API
from vhosts.models import Queue, VirtualHost

pytestmark = pytest.mark.django_db

#: Of each kind: (what is hidden from vera, what is nowhere).
USERS = {
    "elsewhere": ("stranger", "nobody"),
    "permissionless": ("orphan", "nobody"),
    "administrator": ("boss", "nobody"),
    "asked for by others": ("coming", "nobody"),
    "with a topic permission elsewhere": ("topical", "nobody"),
}


@dataclass(frozen=True)
class World:
    cast: Any
    client: Client

    @property
    def a(self) -> Any:
        return self.cast.a


@pytest.fixture
def world(db: None, client: Client) -> Iterator[World]:
    cast = make_cast()
    with time_machine.travel(AT + timedelta(minutes=1), tick=False):
        yield _world(cast, client)


def _world(cast: Any, client: Client) -> World:
    BrokerStatus.objects.update(inventory_at=AT)
    seen = {"broker": cast.a, "first_seen_at": AT, "changed_at": AT}
    BrokerUser.objects.create(
        name="boss", tags=["administrator"], limits={"max-channels": 1}, **seen
    )
    BrokerPermission.objects.create(vhost="/", user="boss", **ALL, **seen)
    VirtualHost.objects.create(name="/hidden", limits={"max-queues": 1}, **seen)
    Queue.objects.create(broker=cast.a, vhost="/hidden", name="jobs", first_seen_at=AT)
    BrokerPermission.objects.create(vhost="/hidden", user="red", **ALL, **seen)
    BrokerUser.objects.create(name="stranger", tags=[], **seen)
    BrokerPermission.objects.create(vhost="/", user="stranger", **ALL, **seen)
    BrokerUser.objects.create(name="topical", tags=[], **seen)
    BrokerTopicPermission.objects.create(
        vhost="/", user="topical", exchange="amq.topic", write="", read="", **seen
    )
    target = ManagedObject.objects.create(
        broker=cast.a, kind="user", key=["coming"], spec={"tags": [], "limits": {}}
    )
    ManagedObject.objects.create(
        broker=cast.a, kind="user", key=["boss"], spec={"tags": [], "limits": {}}, generation=7,
        sync=Sync.DRIFTED, drifted_since=AT,
    )  # fmt: skip
    root = cast.root
    change = Change.objects.create(
        created_at=AT, author=root, author_name="root", origin="page", title="Create coming"
    )
    Step.objects.create(
        change=change, ordinal=1, broker=cast.a, target=target, op="create", generation=1,
        permission="users:edit", next_at=AT, after={"tags": [], "limits": {}},
    )  # fmt: skip
    client.force_login(cast.vera)
    return World(cast, client)


def told_apart(ask: Any, hidden: Any, absent: Any) -> list[str]:
    """Asks for both: how the answers differ, line by line; nothing where they are the same."""
    answers = []
    for name in (hidden, absent):
        with transaction.atomic():
            answer = ask(name)
            content = b"".join(answer) if answer.streaming else answer.content
            transaction.set_rollback(True)
        answers.append((answer.status_code, _plain(content.decode(), str(name))))
    lines = [[str(status), *re.split(r"(?<=[>,])\s*", text)] for status, text in answers]
    return [
        line
        for line in difflib.unified_diff(*lines, lineterm="", n=0)
        if line[:2] not in ("++", "--", "@@")
    ]


#: What differs between any two requests, and digests over the name itself.
_VOLATILE = re.compile(
    r'name="(?:csrfmiddlewaretoken|seen|key|sealed)" value="[^"]*"|nonce-[^\s"\']+|'
    r'"(?:request_id|id|created_at)":\s?"[^"]*"|changes/[0-9a-f-]{36}'
)


def _plain(text: str, name: str) -> str:
    main = text.partition("<main")[2].partition("</main>")[0] or text
    main = _VOLATILE.sub("…", main)
    for one in {name, name.replace("/", "%2F"), name.replace("/", "\\u002F")}:
        # A name, not a part of another word or of an address.
        main = re.sub(rf"(?<![\w/]){re.escape(one)}(?![\w/])", "NAME", main)
    return main


def post(world: World, path: str, body: dict[str, Any], method: str = "post") -> Any:
    send = getattr(world.client, method)
    if method == "get":
        return send(f"{API}/{path}")
    return send(f"{API}/{path}", json.dumps(body), content_type="application/json")


def plan(world: World, **desired: Any) -> Any:
    return post(world, "plans/", {"wishes": [{"broker": world.a.pk, **desired}]})


def _broker(world: World) -> dict[str, Any]:
    return {"broker": world.a.pk}


#: Doors that take the name of a RabbitMQ user.
BY_USER = {
    "list by name": lambda w, u: w.client.get(f"{API}/users/?{urlencode({'name': u})}"),
    "list by part of the name": lambda w, u: w.client.get(f"{API}/users/?{urlencode({'search': u})}"),
    "permissions of it": lambda w, u: w.client.get(f"{API}/permissions/?{urlencode({'user': u})}"),
    "topic permissions of it": lambda w, u: w.client.get(f"{API}/topic-permissions/?{urlencode({'user': u})}"),
    "limits of it": lambda w, u: w.client.get(f"{API}/limits/?{urlencode({'user': u})}"),
    "create, as a plan": lambda w, u: post(w, "users/?dry_run=true", {**_broker(w), "name": u, "password": "p"}),
    "create with tags": lambda w, u: post(w, "users/", {**_broker(w), "name": u, "password": "p", "tags": ["administrator"]}),
    "create with limits": lambda w, u: post(w, "users/", {**_broker(w), "name": u, "password": "p", "limits": {"max-channels": 1}}),
    "plan: create or change": lambda w, u: plan(w, kind="user", name=u, password="p"),
    "plan: change": lambda w, u: plan(w, kind="user", name=u, tags=[]),
    "plan: tags": lambda w, u: plan(w, kind="user", name=u, tags=["administrator"], password="p"),
    "plan: delete": lambda w, u: plan(w, kind="user", name=u, absent=True),
    "plan: permission": lambda w, u: plan(w, kind="permission", vhost="/team-red", user=u, **ALL),
    "plan: permission elsewhere": lambda w, u: plan(w, kind="permission", vhost="/", user=u, **ALL),
    "plan: take a permission": lambda w, u: plan(w, kind="permission", vhost="/team-red", user=u, absent=True),
    "plan: topic permission": lambda w, u: plan(w, kind="topic_permission", vhost="/team-red", user=u, exchange="amq.topic", write="", read=""),
    "set a permission": lambda w, u: post(w, "permissions/", {**_broker(w), "vhost": "/team-red", "user": u, **ALL}),
    "set a permission elsewhere": lambda w, u: post(w, "permissions/", {**_broker(w), "vhost": "/", "user": u, **ALL}),
    "set many": lambda w, u: post(w, "permissions/bulk/", {**_broker(w), "vhosts": ["/team-red"], "users": [u, "red"], **ALL}),
    "take many": lambda w, u: post(w, "permissions/bulk/", {**_broker(w), "vhosts": ["/team-red"], "users": [u], "clear": True}),
    "copy from it": lambda w, u: post(w, "permissions/copy/", {**_broker(w), "source": u, "target": "red"}),
    "copy to it": lambda w, u: post(w, "permissions/copy/", {**_broker(w), "source": "red", "target": u}),
    "set a topic permission": lambda w, u: post(w, "topic-permissions/", {**_broker(w), "vhost": "/team-red", "user": u, "exchange": "amq.topic", "write": "", "read": ""}),
    "set a limit": lambda w, u: post(w, "limits/", {**_broker(w), "user": u, "name": "max-channels", "value": 1}),
    "adopt": lambda w, u: post(w, "drift/adopt/", {**_broker(w), "kind": "user", "keys": [{"name": u}]}),
    "adopt its permission": lambda w, u: post(w, "drift/adopt/", {**_broker(w), "kind": "permission", "keys": [{"vhost": "/team-red", "user": u}]}),
    "adopt its permission elsewhere": lambda w, u: post(w, "drift/adopt/", {**_broker(w), "kind": "permission", "keys": [{"vhost": "/", "user": u}]}),
    **{
        f"explain {act}": lambda w, u, act=act: w.client.get(f"{API}/explain/?{urlencode({**_broker(w), 'user': u, 'vhost': '/team-red', 'act': act, 'target': 'jobs' if act == 'consume' else ''})}")
        for act in ("open_vhost", "consume", "use_management", "set_policy")
    },
    "page: list": lambda w, u: w.client.get(f"{reverse('users')}?{urlencode({'search': u})}"),
    "page: export": lambda w, u: w.client.get(f"{reverse('users_csv')}?{urlencode({'search': u})}"),
    "page: matrix": lambda w, u: w.client.get(f"{reverse('matrix')}?{urlencode({**_broker(w), 'users': u})}"),
    "page: create, as a plan": lambda w, u: w.client.post(f"{reverse('user_create')}?broker={w.a.pk}", {"name": u, "password_way": "none"}),
    "page: set a permission": lambda w, u: w.client.post(f"{reverse('permission_edit')}?broker={w.a.pk}", {"user": u, "vhost": "/team-red", "rights": "full"}),
    "page: open a permission": lambda w, u: w.client.get(f"{reverse('permission_edit')}?{urlencode({**_broker(w), 'user': u, 'vhost': '/team-red'})}"),
    "page: copy from it": lambda w, u: w.client.post(f"{reverse('permission_copy')}?broker={w.a.pk}", {"source": u, "target": "red"}),
    "page: copy to it": lambda w, u: w.client.post(f"{reverse('permission_copy')}?broker={w.a.pk}", {"source": "red", "target": u}),
    "page: topic permission": lambda w, u: w.client.post(f"{reverse('topic_permission_edit')}?broker={w.a.pk}", {"user": u, "vhost": "/team-red", "exchange": "amq.topic", "write": "", "read": ""}),
    "page: take a topic permission": lambda w, u: w.client.post(f"{reverse('topic_permission_clear')}?{urlencode({**_broker(w), 'user': u, 'vhost': '/team-red', 'exchange': 'amq.topic'})}"),
    "page: explain": lambda w, u: w.client.get(f"{reverse('explain')}?{urlencode({**_broker(w), 'user': u, 'vhost': '/team-red', 'act': 'use_management'})}"),
    "connect": lambda w, u: w.client.get(f"{API}/connect/?{urlencode({**_broker(w), 'user': u, 'vhost': '/team-red'})}"),
    "prove a sign-in": lambda w, u: post(w, "connect/prove/", {**_broker(w), "vhost": "/team-red", "user": u, "password": "p"}),
    "page: connect": lambda w, u: w.client.get(f"{reverse('connect')}?{urlencode({**_broker(w), 'user': u, 'vhost': '/team-red'})}"),
    "page: adopt": lambda w, u: w.client.post(reverse("drift_adopt"), {"broker": w.a.pk, "kind": "user", "key": [u]}),
    "page: changes": lambda w, u: w.client.get(f"{reverse('changes')}?{urlencode({'search': u})}"),
    "page: drift": lambda w, u: w.client.get(f"{reverse('drift')}?{urlencode({'search': u})}"),
    "page: unmanaged": lambda w, u: w.client.get(f"{reverse('unmanaged')}?{urlencode({'kind': 'user', 'search': u})}"),
}  # fmt: skip


def apart(world: World, doors: Any, hidden: Any, absent: Any) -> dict[str, list[str]]:
    found = {door: told_apart(partial(ask, world), hidden, absent) for door, ask in doors.items()}
    return {door: lines for door, lines in found.items() if lines}


@pytest.mark.parametrize("which", USERS)
def test_a_hidden_user_is_as_one_that_is_not_there(world: World, which: str) -> None:
    # Pages take their time: by two of them, one that is seen on the broker and one that is asked for only.
    by_pages = which in ("administrator", "asked for by others")
    doors = {door: ask for door, ask in BY_USER.items() if by_pages or "page: " not in door}
    assert apart(world, doors, *USERS[which]) == {}


#: Doors that take the name of a virtual host.
BY_VHOST = {
    "list by name": lambda w, v: w.client.get(f"{API}/vhosts/?{urlencode({'name': v})}"),
    "limits of it": lambda w, v: w.client.get(f"{API}/limits/?{urlencode({'vhost': v})}"),
    "queues of it": lambda w, v: w.client.get(f"{API}/queues/?{urlencode({'vhost': v})}"),
    "permissions in it": lambda w, v: w.client.get(f"{API}/permissions/?{urlencode({'vhost': v})}"),
    "create": lambda w, v: post(w, "vhosts/", {**_broker(w), "name": v}),
    "create, as a plan": lambda w, v: post(w, "vhosts/?dry_run=true", {**_broker(w), "name": v}),
    "plan: change": lambda w, v: plan(w, kind="vhost", name=v, description="a"),
    "plan: delete": lambda w, v: plan(w, kind="vhost", name=v, absent=True),
    "set a permission": lambda w, v: post(w, "permissions/", {**_broker(w), "vhost": v, "user": "red", **ALL}),
    "take many": lambda w, v: post(w, "permissions/bulk/", {**_broker(w), "vhosts": [v], "users": ["red"], "clear": True}),
    "set a topic permission": lambda w, v: post(w, "topic-permissions/", {**_broker(w), "vhost": v, "user": "red", "exchange": "amq.topic", "write": "", "read": ""}),
    "set a limit": lambda w, v: post(w, "limits/", {**_broker(w), "vhost": v, "name": "max-queues", "value": 1}),
    "adopt": lambda w, v: post(w, "drift/adopt/", {**_broker(w), "kind": "vhost", "keys": [{"name": v}]}),
    "explain": lambda w, v: w.client.get(f"{API}/explain/?{urlencode({**_broker(w), 'user': 'red', 'vhost': v, 'act': 'open_vhost'})}"),
    "pattern": lambda w, v: w.client.get(f"{API}/patterns/?{urlencode({**_broker(w), 'vhost': v, 'pattern': 'a'})}"),
    "export": lambda w, v: w.client.get(f"{API}/definitions/?{urlencode({**_broker(w), 'vhost': v})}"),
    "page: scope": lambda w, v: w.client.get(f"{reverse('queues')}?{urlencode({**_broker(w), 'vhost': v})}"),
    "page: users there": lambda w, v: w.client.get(f"{reverse('users')}?{urlencode({**_broker(w), 'vhost': v})}"),
    "page: matrix": lambda w, v: w.client.get(f"{reverse('matrix')}?{urlencode({**_broker(w), 'vhosts': v + ' '})}"),
    "page: create": lambda w, v: w.client.post(f"{reverse('vhost_create')}?broker={w.a.pk}", {"name": v}),
    "page: set a permission": lambda w, v: w.client.post(f"{reverse('permission_edit')}?broker={w.a.pk}", {"user": "red", "vhost": v, "rights": "full"}),
    "page: open a permission": lambda w, v: w.client.get(f"{reverse('permission_edit')}?{urlencode({**_broker(w), 'user': 'red', 'vhost': v})}"),
    "page: explain": lambda w, v: w.client.get(f"{reverse('explain')}?{urlencode({**_broker(w), 'user': 'red', 'vhost': v, 'act': 'open_vhost'})}"),
    "route": lambda w, v: post(w, "route/", {**_broker(w), "vhost": v, "exchange": "", "routing_key": "jobs"}),
    "page: route": lambda w, v: w.client.get(f"{reverse('route')}?{urlencode({**_broker(w), 'vhost': v, 'exchange': '', 'routing_key': 'jobs'})}"),
    "page: pattern": lambda w, v: w.client.get(f"{reverse('pattern_preview', args=[w.a.pk])}?{urlencode({'vhost': v, 'pattern': 'a'})}"),
    "connect": lambda w, v: w.client.get(f"{API}/connect/?{urlencode({**_broker(w), 'user': 'red', 'vhost': v})}"),
    "prove a sign-in": lambda w, v: post(w, "connect/prove/", {**_broker(w), "vhost": v, "user": "red", "password": "p"}),
    "page: connect": lambda w, v: w.client.get(f"{reverse('connect')}?{urlencode({**_broker(w), 'user': 'red', 'vhost': v})}"),
    "page: adopt": lambda w, v: w.client.post(reverse("drift_adopt"), {"broker": w.a.pk, "kind": "vhost", "key": [v]}),
}  # fmt: skip


def test_a_hidden_virtual_host_is_as_one_that_is_not_there(world: World) -> None:
    assert apart(world, BY_VHOST, "/hidden", "/nowhere") == {}


#: Doors that take an id: (of what, address, methods).
BY_ID = [
    ("user", "users/{}/", "get patch delete"),
    ("user", "users/{}/connections/", "get"),
    ("user", "limits/user-{}-max-channels/", "get patch delete"),
    ("vhost", "vhosts/{}/", "get patch delete"),
    ("vhost", "limits/vhost-{}-max-queues/", "get patch delete"),
    ("permission", "permissions/{}/", "get patch delete"),
    ("queue", "queues/{}/", "get"),
    ("queue", "queues/{}/history/", "get"),
    ("queue", "queues/{}/messages/peek/", "post"),
    ("broker", "brokers/{}/", "get patch delete"),
    ("broker", "brokers/{}/test/", "post"),
    ("broker", "queues/?broker={}", "get"),
    ("broker", "users/?broker={}", "get"),
    ("broker", "changes/?broker={}", "get"),
    ("broker", "polls/?broker={}", "get"),
    ("broker", "definitions/?broker={}", "get"),
    ("change", "changes/{}/", "get"),
    ("change", "changes/{}/steps/", "get"),
    ("change", "changes/{}/stop/", "post"),
    ("change", "changes/{}/retry/", "post"),
    ("grant", "grants/{}/", "get delete"),
]
PAGES_BY_ID = {
    "user": ("user", "user_edit", "user_delete", "user_connections"),
    "vhost": ("vhost", "vhost_edit", "vhost_delete"),
    "queue": (
        "queue",
        "queue_now",
        "queue_details",
        "queue_bindings",
        "queue_history",
        "queue_messages",
        "queue_rates",
    ),
    "broker": ("broker", "broker_edit", "broker_forget", "broker_history"),
    "change": ("change", "change_strip"),
}


def _hidden_id(world: World, noun: str) -> tuple[Any, Any]:
    """(the id of what is hidden, one that is nowhere)."""
    a = {"broker": world.a}
    found = {
        "user": lambda: BrokerUser.objects.get(**a, name="boss").pk,
        "vhost": lambda: VirtualHost.objects.get(**a, name="/hidden").pk,
        "permission": lambda: BrokerPermission.objects.get(**a, vhost="/", user="boss").pk,
        "queue": lambda: Queue.objects.get(**a, vhost="/hidden").pk,
        "broker": lambda: world.cast.b.pk,
        "change": lambda: Change.objects.get().pk,
        "grant": lambda: Grant.objects.get(user__username="charlie").pk,
    }[noun]()
    return found, str(uuid4()) if noun == "change" else 987_654_321


def test_an_id_of_what_is_hidden_is_as_one_of_nothing(world: World) -> None:
    doors: dict[str, dict[str, Any]] = {}
    for noun, address, methods in BY_ID:
        for method in methods.split():
            doors.setdefault(noun, {})[f"{method} {address}"] = (
                lambda w, pk, address=address, method=method: post(
                    w, address.format(pk), {}, method
                )
            )
    for noun, pages in PAGES_BY_ID.items():
        for page in pages:
            doors[noun][page] = lambda w, pk, page=page: w.client.get(reverse(page, args=[pk]))
    for noun, of_noun in doors.items():
        assert apart(world, of_noun, *_hidden_id(world, noun)) == {}


def test_the_name_of_a_hidden_broker_is_as_one_of_nothing(world: World) -> None:
    doors = {
        "list": lambda w, b: w.client.get(f"{API}/brokers/?name={b}"),
        "users": lambda w, b: w.client.get(f"{API}/users/?broker={b}"),
        "create": lambda w, b: post(w, "users/", {"broker": b, "name": "x", "password": "p"}),
        "export": lambda w, b: w.client.get(f"{API}/definitions/?broker={b}"),
        "import": lambda w, b: post(w, f"definitions/plan/?broker={b}", {"users": []}),
    }
    assert apart(world, doors, "b", "c") == {}


@pytest.mark.parametrize("which", USERS)
def test_a_name_that_is_taken_tells_nothing_else(world: World, which: str) -> None:
    """One broker, one space of names: that a name is taken cannot be hidden from who creates a user of
    it, but nothing about that user is told, and nothing is kept."""
    hidden, _ = USERS[which]
    before = list(ManagedObject.objects.order_by("pk").values())
    body = {**_broker(world), "name": hidden, "password": "p"}
    answer = post(world, "users/", body)
    assert answer.status_code == 409
    assert f"The name {hidden} can't be used on a." in answer.content.decode()
    assert list(ManagedObject.objects.order_by("pk").values()) == before
    assert Change.objects.count() == 1


def test_the_order_of_users_does_not_tell_of_permissions_elsewhere(world: World) -> None:
    """`shared` has more permissions than `borrowed`, but not where vera sees them."""
    rows = world.client.get(f"{reverse('users')}?sort=-vhosts").context["user_rows"]
    counts = [len(row.vhosts) for row in rows]
    assert counts == sorted(counts, reverse=True)
    one = {row.user.name: position for position, row in enumerate(rows) if len(row.vhosts) == 1}
    ids = dict(BrokerUser.objects.filter(broker=world.a).values_list("name", "pk"))
    by_id = sorted(one, key=ids.__getitem__)
    assert sorted(one, key=one.__getitem__) in (by_id, by_id[::-1]), "equal ones by their ids"


def test_a_page_of_a_user_tells_nothing_of_its_permissions_elsewhere(world: World) -> None:
    BrokerPermission.objects.filter(user="red").update(configure=".*", write=".*", read=".*")
    pk = BrokerUser.objects.get(broker=world.a, name="shared").pk
    page = world.client.get(reverse("user", args=[pk]))
    assert [one.vhost for one in page.context["reach"].vhosts] == ["/team-red"]


def test_a_change_tells_no_hidden_broker(world: World) -> None:
    change = Change.objects.create(
        created_at=AT, author_name="root", origin="page", title="two brokers"
    )
    for ordinal, (broker, name) in enumerate(
        [(world.a, "/team-red"), (world.cast.b, "/team-red")], start=1
    ):
        target = ManagedObject.objects.create(broker=broker, kind="vhost", key=[name], spec={})
        Step.objects.create(
            change=change, ordinal=ordinal, broker=broker, target=target, op="update", generation=1,
            permission="vhosts:edit", next_at=AT,
        )  # fmt: skip
    rows = world.client.get(reverse("changes")).context["change_rows"]
    assert [row.brokers for row in rows] == [["a"]]


def test_a_plan_of_definitions_tells_nothing_of_hidden_users(tenants: Any, vadm_api: Any) -> None:
    """Planned by the broker as it is now, so on a live one."""
    hidden, absent = tenants.name(), tenants.name()
    tenants.put_user(hidden)
    tenants.permit(hidden, tenants.secret)
    tenants.look()

    def planned(body: dict[str, Any]) -> dict[str, Any]:
        address = f"{API}/definitions/plan/?broker={tenants.broker.pk}"
        answer = vadm_api.post(address, json.dumps(body), content_type="application/json")
        assert answer.status_code == 200, answer.content
        return answer.json()

    def permission(name: str) -> str:
        row = {"user": name, "vhost": tenants.vhost, **ALL}
        plan = planned({"permissions": [row]})
        plan.pop("fingerprint")
        return json.dumps(plan).replace(name, "NAME")

    assert permission(hidden) == permission(absent)
    file = {"users": [{"name": hidden, "password_hash": "", "tags": ""}]}
    before = planned(file)
    tenants.put_user(hidden, tags="administrator")
    assert planned(file) == before
