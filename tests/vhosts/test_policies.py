"""Policies by form, API, drift and definitions, on a live broker: all of it drawn from their faces."""

from __future__ import annotations

import json

import pytest

from console.kinds.common.kind import Op
from console.models import BrokerStatus, ManagedObject, Sync
from tests.acting import apply, confirm, preview
from tests.engine import names, seen  # noqa: F401
from vhosts.models import Exchange, OperatorPolicy, Policy, Queue
from vhosts.policies.what_if.notes import matching, notes

pytestmark = pytest.mark.django_db
FORMS = {"policies": Policy, "operator-policies": OperatorPolicy}
WHOLE = {
    "pattern": "^orders\\.",
    "apply_to": "queues",
    "priority": "7",
    # Operator policies may set numbers only.
    "definition": "max-length = 3000\n\nexpires = 60000",
}


@pytest.fixture
def browser(client, superuser):
    client.force_login(superuser)
    return client


@pytest.fixture
def broker(make_broker):
    return make_broker()


@pytest.fixture
def vhost(names, live_broker):  # noqa: F811
    name = names("vhost")
    live_broker.call("PUT", "vhosts", name, body={})
    live_broker.call(
        "PUT", "permissions", name, live_broker.username,
        body={"configure": ".*", "write": ".*", "read": ".*"},
    )  # fmt: skip
    return name


@pytest.mark.parametrize("slug", sorted(FORMS))
def test_a_policy_is_created_edited_and_deleted_by_its_pages(
    browser, broker, vhost, seen, poll_now, inventory_now, live_broker, slug  # noqa: F811
):  # fmt: skip
    for name in ("orders.eu", "orders.us", "mail"):
        live_broker.call("PUT", "queues", vhost, name, body={"durable": True})
    poll_now(broker)
    inventory_now(broker)
    address = f"/{slug}/new/?broker={broker.pk}"
    assert browser.get(address).status_code == 200
    shown = preview(browser, address, vhost=vhost, name="cap é/", **WHOLE)
    text = shown.content.decode()
    assert "It matches 2 queues: orders.eu, orders.us." in text
    verb = "set_policy" if slug == "policies" else "set_operator_policy"
    assert f"rabbitmqctl {verb} -p" in text
    assert apply(confirm(browser, address, shown)).state == "done"
    there = seen(slug, vhost, "cap é/")
    assert (there["pattern"], there["priority"], there["apply-to"]) == ("^orders\\.", 7, "queues")
    assert there["definition"] == {"max-length": 3000, "expires": 60000}

    # What was read back is on the page at once; an inventory finds the same.
    row = FORMS[slug].objects.get(broker=broker, vhost=vhost)
    inventory_now(broker)
    assert FORMS[slug].objects.get(broker=broker, vhost=vhost).pk == row.pk
    page = browser.get(f"/{slug}/{row.pk}/").content.decode()
    assert "It matches 2 queues" in page
    assert "^orders" in page
    listed = browser.get(f"/{slug}/?broker={broker.pk}").content.decode()
    assert "max-length" in listed
    assert "In sync" in listed
    assert b"expires=60000" in b"".join(browser.get(f"/{slug}.csv?broker={broker.pk}"))

    edit = f"/{slug}/{row.pk}/edit/"
    form = browser.get(edit).context["form"]
    assert form["definition"].value() == "expires = 60000\nmax-length = 3000"
    filled = {**WHOLE, "generation": form["generation"].value(), "definition": "max-length = 9"}
    shown = preview(browser, edit, **filled)
    (line,) = shown.context["preview"].lines
    assert (line.op, [field.name for field in line.fields]) == (Op.UPDATE, ["definition"])
    assert apply(confirm(browser, edit, shown)).state == "done"
    assert seen(slug, vhost, "cap é/")["definition"] == {"max-length": 9}

    delete = f"/{slug}/{row.pk}/delete/"
    shown = browser.get(delete)
    assert "It matches 2 queues" in shown.content.decode()
    assert apply(confirm(browser, delete, shown, typed="cap é/")).state == "done"
    assert seen(slug, vhost, "cap é/") is None
    assert not FORMS[slug].objects.filter(broker=broker, vhost=vhost).exists()


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("pattern", "(", "regular expression"),
        ("priority", "seven", "Priority must be a whole number."),
        ("definition", "", "Enter the definition."),
        ("definition", "max-length", "Line 1 must have the form name = value."),
        ("definition", "a = 1\na = 2", "Line 2: a is already set above."),
        ("name", "", "Enter the name."),
        ("name", "..", "consists only of dots"),
    ],
)
def test_what_a_form_refuses_is_said_and_nothing_is_lost(browser, broker, field, value, sentence):
    sent = {"vhost": "/", "name": "cap", **WHOLE, field: value}
    response = browser.post(f"/policies/new/?broker={broker.pk}", {**sent, "step": "preview"})
    assert response.status_code == 400
    text = response.content.decode()
    assert any(part in text for part in sentence.split("|"))
    assert response.context["form"]["name"].value() == sent["name"]


def test_a_value_keeps_its_type_over_an_edit(
    browser,
    broker,
    vhost,
    seen,  # noqa: F811
    live_broker,
    poll_now,
    inventory_now,
):
    definition = {"max-length": 5, "overflow": "drop-head", "dead-letter-exchange": "7"}
    live_broker.call(
        "PUT", "policies", vhost, "typed",
        body={"pattern": "", "definition": definition, "priority": 0, "apply-to": "queues"},
    )  # fmt: skip
    poll_now(broker)
    inventory_now(broker)
    row = Policy.objects.get(broker=broker, vhost=vhost, name="typed")
    edit = f"/policies/{row.pk}/edit/"
    form = browser.get(edit).context["form"]
    assert 'dead-letter-exchange = "7"' in form["definition"].value()
    fields = {one.name: one.value() for _, rows in form.sections() for _, one in rows}
    shown = preview(browser, edit, **{**fields, "priority": "3", "generation": "0"})
    assert apply(confirm(browser, edit, shown)).state == "done"
    there = seen("policies", vhost, "typed")
    assert (there["definition"], there["priority"]) == (definition, 3)


def test_a_policy_by_the_api(admin_client, broker, vhost, seen, live_broker):  # noqa: F811
    body = {
        "broker": broker.pk, "vhost": vhost, "name": "by-api", "pattern": "^a",
        "apply_to": "exchanges", "definition": {"alternate-exchange": "x"},
    }  # fmt: skip
    send = lambda method, address, sent: getattr(admin_client, method)(  # noqa: E731
        address, data=json.dumps(sent), content_type="application/json"
    )
    plan = send("post", "/api/v1/policies/?dry_run=true", body)
    assert plan.status_code == 200, plan.content
    (step,) = plan.json()["steps"]
    assert step["op"] == "create"
    assert any("matches" in sentence for sentence in step["objections"])
    made = send("post", "/api/v1/policies/", body)
    assert made.status_code == 202, made.content
    from console.models import Change

    assert apply(Change.objects.get(pk=made.json()["id"])).state == "done"
    assert seen("policies", vhost, "by-api")["apply-to"] == "exchanges"
    row = Policy.objects.get(broker=broker, name="by-api")
    found = admin_client.get(f"/api/v1/policies/{row.pk}/")
    assert (found.json()["definition"], found.json()["sync"]) == (
        {"alternate-exchange": "x"}, "in_sync",
    )  # fmt: skip
    refused = send("patch", f"/api/v1/policies/{row.pk}/", {"apply_to": "everything"})
    assert refused.status_code == 400
    stale = admin_client.patch(
        f"/api/v1/policies/{row.pk}/", data=json.dumps({"priority": 2}),
        content_type="application/json", headers={"If-Match": '"99"'},
    )  # fmt: skip
    assert stale.status_code == 412
    listed = admin_client.get("/api/v1/policies/", {"vhost": vhost, "ordering": "-name"}).json()
    assert listed["count"] == 1
    gone = send("delete", f"/api/v1/policies/{row.pk}/", {})
    assert apply(Change.objects.get(pk=gone.json()["id"])).state == "done"
    assert seen("policies", vhost, "by-api") is None


def test_a_policy_that_was_changed_elsewhere_drifts_and_is_restored(
    engine, vhost, seen, live_broker, admin_client, poll_now, inventory_now  # noqa: F811
):  # fmt: skip
    spec = {"pattern": "^a", "apply_to": "queues", "priority": 1, "definition": {"max-length": 5}}
    assert engine.do(("policy", (vhost, "kept"), spec)).state == "done"
    live_broker.call(
        "PUT", "policies", vhost, "kept",
        body={"pattern": "^a", "definition": {"max-length": 6}, "priority": 1, "apply-to": "queues"},
    )  # fmt: skip
    poll_now(engine.broker)
    inventory_now(engine.broker)
    managed = ManagedObject.objects.get(broker=engine.broker, kind="policy")
    assert managed.sync == Sync.DRIFTED
    assert [field["name"] for field in managed.drift] == ["definition"]
    page = admin_client.get(f"/drift/?broker={engine.broker.pk}").content.decode()
    assert "kept" in page


def test_the_administration_shows_policies_and_their_plan(admin_client, broker, now):
    row = Policy.objects.create(
        broker=broker, vhost="/", name="<script>", pattern="^a", apply_to="all", priority=0,
        definition={"<b>": "x"}, first_seen_at=now, changed_at=now,
    )  # fmt: skip
    assert admin_client.get("/admin/vhosts/policy/").status_code == 200
    page = admin_client.get(f"/admin/vhosts/policy/{row.pk}/change/")
    assert page.status_code == 200
    assert b"<script>alert" not in page.content
    for address in (f"/policies/{row.pk}/", f"/policies/?broker={broker.pk}"):
        shown = admin_client.get(address).content.decode()
        assert "&lt;script&gt;" in shown
        assert "<b>" not in shown


@pytest.fixture
def says(broker):
    """says(spec, kind="policy", key=("/", "p")): what a preview of this policy says; None: of its deletion."""

    def tell(spec, kind="policy", key=("/", "p")):
        if spec is not None:
            spec = {"pattern": "", "apply_to": "queues", "priority": 0, **spec}
        return list(notes(kind, broker, key, spec))

    return tell


@pytest.fixture
def add(broker, now):
    """add("orders", "classic", {"x-max-length": 5}, ready=7): a queue, or a policy, as an inventory saw it."""

    class Add:
        def queue(self, name, of_type="classic", arguments=None, vhost="/", **fields):
            return Queue.objects.create(
                broker=broker, vhost=vhost, name=name, type=of_type, arguments=arguments or {},
                first_seen_at=now, inventoried_at=now, **fields,
            )  # fmt: skip

        def exchange(self, name, **fields):
            return Exchange.objects.create(
                broker=broker, vhost="/", name=name, type="fanout", first_seen_at=now,
                changed_at=now, **fields,
            )  # fmt: skip

        def policy(
            self, name, definition, pattern="", priority=0, model=Policy, vhost="/", **fields
        ):
            return model.objects.create(
                broker=broker, vhost=vhost, name=name, pattern=pattern, priority=priority,
                definition=definition, first_seen_at=now, changed_at=now,
                **{"apply_to": "all", **fields},
            )  # fmt: skip

    return Add()


def test_exchanges_and_types_count_for_what_a_policy_matches(broker, add):
    for name, kind in (("a", "classic"), ("b", "quorum"), ("c", "stream")):
        add.queue(name, kind)
    add.exchange("x")
    found = {
        apply_to: (one.queues, one.exchanges)
        for apply_to in ("all", "queues", "classic_queues", "quorum_queues", "streams", "exchanges")
        for one, _ in [
            matching("policy", broker, ("/", "p"), {"pattern": "", "apply_to": apply_to})
        ]
    }
    assert found == {
        "all": (3, 1), "queues": (3, 0), "classic_queues": (1, 0), "quorum_queues": (1, 0),
        "streams": (1, 0), "exchanges": (0, 1),
    }  # fmt: skip


def test_queues_whose_type_lacks_a_key_are_not_what_a_policy_matches(add, says):
    for name, kind in (("a", "classic"), ("b", "quorum"), ("c", "stream"), ("d", "stream")):
        add.queue(name, kind)

    def sentence(definition, pattern=""):
        return says({"definition": definition, "pattern": pattern})[0]

    assert sentence({"message-ttl": 5}) == (
        "It matches 2 queues: a, b. It doesn't apply to 2 queues with a matching name, whose type doesn't support "
        "message-ttl."
    )
    assert sentence({"message-ttl": 5, "max-length-bytes": 9}, pattern="[cd]") == (
        "It matches no queues or exchanges. It doesn't apply to 2 queues with a matching name, whose type doesn't "
        "support message-ttl."
    )
    assert sentence({"max-length-bytes": 9}) == "It matches 4 queues: a, b, c, d."
    assert sentence({"max-age": "1D"}, pattern="[ac]") == (
        "It matches 1 queue: c. It doesn't apply to 1 queue with a matching name, whose type doesn't support max-age."
    )


def test_a_preview_says_what_changes_from_what_to_what(add, says):
    for number in range(7):
        add.queue(f"orders.{number}", ready=0)
    add.queue("orders.own", arguments={"x-max-length": 500}, ready=0)
    add.policy("default-limits", {"max-length": 1000}, priority=1)
    found = says({"definition": {"max-length": 3000}, "priority": 5, "pattern": "^orders"})
    assert found[1:] == [
        "7 queues: max-length 1,000 messages → 3,000 messages (policy p replaces policy default-limits): "
        "orders.0, orders.1, orders.2, orders.3, orders.4 and more.",
        "1 queue: no setting changes (policy p replaces policy default-limits): orders.own.",
        "On these queues, the argument keeps max-length at 500 messages (the lower value applies).",
    ]


def test_a_preview_says_when_a_policy_has_no_effect(add, says):
    add.queue("orders")
    add.policy("strict", {"max-length": 10}, priority=9)
    assert says({"definition": {"max-length": 3000}})[1:] == [
        "It has no effect on 1 queue, where policy strict has a higher priority: orders."
    ]


def test_a_preview_says_that_equal_priorities_leave_it_open(add, says):
    add.queue("orders", ready=0)
    add.policy("caps", {"max-length": 10, "overflow": "reject-publish"})
    found = says({"definition": {"max-length": 3000, "overflow": "reject-publish"}})
    assert found[1:] == [
        "1 queue: max-length 10 messages → 10 messages or 3,000 messages (policy caps or p replaces policy "
        "caps): orders.",
        "caps and p have the same priority on 1 queue: orders. RabbitMQ applies any one of them. Set different "
        "priorities.",
    ]


def test_a_preview_says_how_an_operator_policy_merges(add, says):
    add.queue("orders", ready=0)
    add.policy("caps", {"message-ttl": 60000}, model=OperatorPolicy)
    assert says({"definition": {"message-ttl": 90000}})[1:] == [
        "1 queue: no setting changes (policy p applies): orders.",
        "On these queues, the operator policy caps keeps message-ttl at 1 min (the lower value applies).",
    ]
    add.policy("mine", {"message-ttl": 90000})
    found = says({"definition": {"message-ttl": 30000}}, "operator_policy", ("/", "caps"))
    assert "1 queue: message-ttl 1 min → 30 s (operator policy caps): orders." in found


def test_a_preview_counts_what_is_lost_immediately(add, says):
    add.queue("a", ready=120, consumers=1)
    add.queue("b", ready=90, consumers=0)
    add.queue("c", ready=5, consumers=0)
    add.queue("d", ready=None)
    add.queue("e", "quorum", {"x-overflow": "reject-publish"}, ready=50)
    add.queue("f", arguments={"x-dead-letter-exchange": "dlx"}, ready=12)
    found = says({"definition": {"max-length": 10, "expires": 60000, "message-ttl": 5000}})
    assert found[1:8] == [
        "RabbitMQ drops 190 messages immediately, oldest first: 2 queues hold more than max-length allows (as of the "
        "last poll).",
        "RabbitMQ dead-letters 2 messages immediately, oldest first: 1 queue holds more than max-length allows (as of "
        "the last poll).",
        "1 queue holds more than max-length allows (as of the last poll). RabbitMQ keeps these messages and rejects "
        "new ones until there is room.",
        "The depth of 1 queue is unknown. RabbitMQ drops messages over max-length immediately.",
        "RabbitMQ deletes 6 queues with all messages after 1 min without consumers and gets.",
        "2 queues had no consumers at the last poll, with 95 messages.",
        "Messages published from then on expire after 5 s. Messages already in a queue keep their expiry.",
    ]


def test_a_queue_that_no_longer_rejects_is_counted_among_those_that_drop(add, says):
    add.queue("a", ready=30, consumers=1)
    add.queue("b", "quorum", ready=30, consumers=1)
    add.policy("p", {"max-length": 10, "overflow": "reject-publish"})
    assert says({"definition": {"max-length": 10, "overflow": "drop-head"}})[1] == (
        "RabbitMQ drops 40 messages immediately, oldest first: 2 queues hold more than max-length allows (as of the "
        "last poll)."
    )
    assert "drops" not in " ".join(says(None))


def test_a_deletion_says_which_policy_comes_next(add, says):
    add.queue("orders")
    add.queue("mail")
    add.policy("p", {"max-length": 10}, priority=9)
    add.policy("low", {"max-length": 99}, pattern="orders")
    assert says(None) == [
        "It matches 2 queues: mail, orders.",
        "1 queue: max-length 10 messages → no limit (no policy applies after policy p): mail.",
        "1 queue: max-length 10 messages → 99 messages (policy low replaces policy p): orders.",
    ]


def test_a_preview_of_many_queues_costs_four_queries(add, says, broker, django_assert_num_queries):
    for number in range(300):
        add.queue(f"q{number}", ready=number)
    broker = type(broker).objects.select_related("status").get(pk=broker.pk)
    with django_assert_num_queries(4):
        list(notes("policy", broker, ("/", "p"), {"definition": {"max-length": 5}}))


def test_policies_leave_the_mirror_with_their_virtual_host(engine, names, poll_now):  # noqa: F811
    poll_now(engine.broker)
    vhost = names("vhost")
    spec = {"pattern": "^a", "definition": {"max-length": 10}}
    change = engine.do(
        ("vhost", [vhost], {}),
        ("policy", [vhost, "ours"], spec),
        ("operator_policy", [vhost, "theirs"], spec),
    )
    assert change.state == "done"
    for model in FORMS.values():
        assert model.objects.filter(broker=engine.broker, vhost=vhost).count() == 1
    assert engine.do(("vhost", [vhost], None)).state == "done"
    for model in FORMS.values():
        assert not model.objects.filter(broker=engine.broker, vhost=vhost).exists()


def test_a_policy_is_one_of_the_wishes_of_a_plan(admin_client, broker, now):
    def plan(**desired):
        body = {"wishes": [{"kind": "policy", "broker": broker.pk, "vhost": "/", **desired}]}
        return admin_client.post(
            "/api/v1/plans/", data=json.dumps(body), content_type="application/json"
        )

    new = plan(name="p", pattern="^a", definition={"max-length": 10})
    assert [step["op"] for step in new.json()["steps"]] == ["create"]
    assert new.json()["steps"][0]["commands"][0].startswith("rabbitmqctl set_policy")
    Policy.objects.create(
        broker=broker, vhost="/", name="p", pattern="^a", apply_to="all", priority=0,
        definition={"max-length": 10}, first_seen_at=now, changed_at=now,
    )  # fmt: skip
    (edited,) = plan(name="p", priority=3).json()["steps"]
    assert edited["op"] == "update"
    assert [field["name"] for field in edited["fields"]] == ["priority"]
    assert [step["op"] for step in plan(name="p", absent=True).json()["steps"]] == ["delete"]
    refused = plan(name="p", apply_to="everything")
    assert (refused.status_code, refused.json()["errors"][0]["attr"]) == (
        400,
        "wishes.0.apply_to",
    )
    assert plan(name="q", pattern="^a").status_code == 400, "without a definition"


def test_the_list_says_on_how_many_queues_each_policy_is_in_force(
    browser, broker, add, now, django_assert_max_num_queries
):
    read = {"queues": now.isoformat(), "exchanges": now.isoformat()}
    BrokerStatus.objects.filter(pk=broker.pk).update(parts_at=read)
    for number in range(30):
        add.policy(f"p{number}", {"max-length": 5})
        add.queue(f"q{number}", policy=f"p{number % 3}")
    add.exchange("x", policy="p1")
    address = f"/policies/?broker={broker.pk}&sort=name&per_page=100"
    browser.get(address)
    with django_assert_max_num_queries(25):
        page = browser.get(address).content.decode()
    rows = {row.name: row.applied for row in browser.get(address).context["listing"].rows}
    assert (rows["p0"], rows["p1"], rows["p7"]) == ((10, 0), (10, 1), (0, 0))
    assert f"/queues/?broker={broker.pk}&amp;vhost=%2F&amp;policy=p1" in page
    row = Policy.objects.get(name="p1")
    assert "10 queues</a>, 1 exchange" in browser.get(f"/policies/{row.pk}/").content.decode()
    queues = browser.get(f"/queues/?broker={broker.pk}&vhost=%2F&policy=p1")
    assert len(queues.context["listing"].rows) == 10
