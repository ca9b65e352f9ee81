"""What a queue's and an exchange's page say is in force, beside what the broker says."""

from __future__ import annotations

import re

import pytest
from django.core.cache import cache

from accessctl.rights import Permission
from tests.engine import names  # noqa: F401
from vhosts.models import Exchange, OperatorPolicy, Policy, Queue
from vhosts.policies.in_force import Reported, of_exchange, of_queue

pytestmark = pytest.mark.django_db


@pytest.fixture
def broker(make_broker):
    return make_broker()


def text_of(response) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", response.content.decode()))


def _queue(broker, now, name="orders", **fields):
    return Queue.objects.create(
        broker=broker, vhost="/", name=name, first_seen_at=now, inventoried_at=now,
        **{"type": "classic", **fields},
    )  # fmt: skip


def _policy(broker, now, name, definition, model=Policy, **fields):
    return model.objects.create(
        broker=broker, vhost="/", name=name, definition=definition, first_seen_at=now, changed_at=now,
        **{"pattern": "", "apply_to": "all", "priority": 0, **fields},
    )  # fmt: skip


def _lines(panel):
    return {line.key: line for line in panel.lines}


def test_a_queue_is_governed_as_its_page_says(
    client, superuser, broker, names, live_broker, poll_now, inventory_now, eventually  # noqa: F811
):  # fmt: skip
    """AC-141, AC-142: policy, operator policy and argument on one live queue."""
    vhost = names("vhost")
    live_broker.call("PUT", "vhosts", vhost, body={})
    live_broker.call(
        "PUT", "permissions", vhost, live_broker.username,
        body={"configure": ".*", "write": ".*", "read": ".*"},
    )  # fmt: skip
    put = lambda part, name, priority, definition: live_broker.call(  # noqa: E731
        "PUT", part, vhost, name,
        body={"pattern": "^o", "apply-to": "queues", "priority": priority, "definition": definition},
    )  # fmt: skip
    put(
        "policies",
        "limits",
        5,
        {"max-length": 3000, "message-ttl": 90000, "overflow": "reject-publish"},
    )
    put("policies", "default", 0, {"max-length": 9})
    put("operator-policies", "caps", 0, {"message-ttl": 60000})
    live_broker.call(
        "PUT", "queues", vhost, "orders",
        body={"durable": True, "arguments": {"x-max-length": 500, "x-overflow": "drop-head"}},
    )  # fmt: skip
    poll_now(broker)
    inventory_now(broker)
    queue = Queue.objects.get(broker=broker, vhost=vhost)
    client.force_login(superuser)
    page = text_of(client.get(f"/queues/{queue.pk}/"))
    assert (
        "max-length 500 messages A argument P policy limits 3,000 messages (the lower value applies)"
        in page
    )
    assert (
        "overflow drop-head A argument P policy limits reject-publish (the argument wins)" in page
    )
    assert (
        "message-ttl 1 min 60000 OP operator policy caps P policy limits 1 min 30 s (the lower value applies)"
        in page
    )
    assert "dead-letter-exchange none – default nothing" in page
    assert (
        "Also matching: default (priority 0). Only the policy with the highest priority applies."
        in page
    )

    def fresh():
        cache.clear()
        found = text_of(client.get(f"/queues/{queue.pk}/details/"))
        return found if "Policy limits Operator policy caps" in found else None

    details = eventually(fresh)
    assert "message-ttl 1 min" in details
    assert "differs" not in details


def test_a_difference_from_the_broker_is_said(broker, now):
    _policy(broker, now, "limits", {"max-length": 5, "expires": 1000})
    queue = _queue(broker, now)
    agreed = Reported("limits", "", {"max-length": 5, "expires": 1000})
    assert of_queue(queue, reported=agreed, names_policies=True).warnings == ()
    (said,) = of_queue(
        queue, reported=Reported("limits", "", {"max-length": 7}), names_policies=True
    ).warnings
    assert said.startswith(
        "The broker reports no expires and max-length 7 messages as its effective"
    )


def test_a_tie_is_said_and_nothing_is_guessed(broker, now):
    _policy(broker, now, "a", {"max-length": 5, "expires": 1000})
    _policy(broker, now, "b", {"max-length": 7, "expires": 1000})
    queue = _queue(broker, now)
    panel = of_queue(queue, names_policies=True)
    assert _lines(panel)["max-length"].values == ("5 messages", "7 messages")
    assert _lines(panel)["max-length"].origin is None
    assert _lines(panel)["expires"].values == ("1 s",)
    assert panel.warnings == (
        "a and b match with the same priority (0). RabbitMQ applies any one of them. Set different priorities.",
    )
    queue.policy = "b"
    panel = of_queue(queue, names_policies=True)
    assert _lines(panel)["max-length"].values == ("7 messages",)
    assert "It reports b now." in panel.warnings[0]


def test_what_a_type_or_version_ignores_is_said(broker, now, make_broker):
    _policy(broker, now, "p", {"queue-mode": "lazy", "overflow": "reject-publish-dlx"})
    broker.status.rabbitmq_version = "3.13.0"
    found = _lines(of_queue(_queue(broker, now), names_policies=True))
    assert found["queue-mode"].note == "No effect: RabbitMQ 3.13.0 ignores it."
    quorum = of_queue(_queue(broker, now, "q", type="quorum"), names_policies=True)
    assert _lines(quorum)["overflow"].values == ("drop-head",)
    assert quorum.notes == (
        "p matches the name, but doesn't apply: quorum queues don't support queue-mode.",
    )


def test_an_exchange_has_its_alternate_exchange_in_force(broker, now):
    _policy(broker, now, "p", {"alternate-exchange": "lost"}, apply_to="exchanges")
    make = lambda name, **fields: Exchange.objects.create(  # noqa: E731
        broker=broker,
        vhost="/",
        name=name,
        type="topic",
        first_seen_at=now,
        changed_at=now,
        **fields,
    )
    (line,) = of_exchange(make("plain"), names_policies=True).lines
    assert (line.values, line.origin.letter, line.origin.name) == (("lost",), "P", "p")
    (line,) = of_exchange(
        make("own", arguments={"alternate-exchange": "kept"}), names_policies=True
    ).lines
    assert (line.values, line.beaten[0].value, line.beaten[0].rule) == (
        ("kept",), "lost", "the argument wins",
    )  # fmt: skip


def test_who_may_not_see_policies_sees_only_those_that_apply(broker, now):
    _policy(broker, now, "high", {"max-length": 5}, priority=3)
    _policy(broker, now, "hidden", {"max-length": 7})
    _policy(broker, now, "x", {"expires": 5}, model=OperatorPolicy)
    _policy(broker, now, "y", {"expires": 7}, model=OperatorPolicy)
    panel = of_queue(_queue(broker, now), names_policies=False)
    said = repr(panel)
    assert "hidden" not in said
    assert "Several operator policies match with the same priority (0)." in said
    assert Permission.POLICIES_VIEW not in said


def test_the_panel_costs_two_queries(broker, now, django_assert_num_queries):
    for number in range(40):
        _policy(broker, now, f"p{number}", {"max-length": number}, priority=number)
    queue = Queue.objects.select_related("broker__status").get(pk=_queue(broker, now).pk)
    with django_assert_num_queries(2):
        of_queue(queue, names_policies=True)


def test_names_from_a_broker_are_not_markup(client, superuser, broker, now):
    _policy(broker, now, "<script>alert(1)</script>", {"<img src=x>": "<b>", "max-length": 5})
    queue = _queue(broker, now, arguments={"x-<i>": "</td>", "x-max-length": 9})
    client.force_login(superuser)
    page = client.get(f"/queues/{queue.pk}/").content.decode()
    for markup in ("<script>alert", "<img src", "<i>", "</td>&quot;"):
        assert markup not in page.split('id="governed-title"')[1].split("</section>")[0]
