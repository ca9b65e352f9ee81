"""What a preview of a deletion says, and what the change then does: one list for both."""

from __future__ import annotations

from collections import Counter

import pytest

from console.engine.proposal import DesiredObject, Proposal
from console.engine.proposals.preview import preview
from console.engine.proposals.retry import CONFIRMED, ask_again
from console.engine.revert.falls_with import falls_with
from console.kinds.common.kind import Ref
from console.kinds.registry import KINDS
from console.models import AuditEntry, ManagedObject
from console.reconcile.dependents import hanging_on
from tests.console.changes.test_crashes import HASH
from tests.engine import utc_now
from vhosts.virtual_hosts.rules import vhost_guard, vhost_objections

pytestmark = pytest.mark.django_db
ALL = {"configure": ".*", "write": ".*", "read": ".*"}


def test_the_counts_of_the_preview_are_those_of_the_change(engine, names, seen, superuser):
    """A file without a virtual host and its permission: both are deletions, before and after."""
    vhost, user = names("vhost"), names("user")
    engine.do(
        ("user", [user], {}, HASH), ("vhost", [vhost], {}), ("permission", [vhost, user], ALL)
    )
    observed = {Ref("vhost", (vhost,)): {}, Ref("permission", (vhost, user)): ALL}
    shown = preview(
        Proposal(
            title="t",
            origin="api",
            desired_objects=[
                DesiredObject(
                    broker=engine.broker,
                    ref=ref,
                    spec=None,
                    observed=spec,
                    permission="brokers:edit",
                )
                for ref, spec in observed.items()
            ],
        )
    )
    change = engine.do(*[(ref.kind, list(ref.key), None) for ref in observed], observed=observed)
    assert change.state == "done"
    steps = list(change.steps.select_related("target"))
    assert Counter(step.op for step in steps) == {op: n for op, n in shown.counts.items() if n}
    assert [(step.op, step.target.kind) for step in steps] == [
        (line.op.value, line.ref.kind) for line in shown.lines
    ]
    asked = AuditEntry.objects.filter(change_id_then=change.pk).values_list("action", flat=True)
    assert set(asked) == {"vhost:delete", "permission:delete"}
    assert seen("vhosts", vhost) is None
    assert seen("permissions", vhost, user) is None


def test_the_preview_names_every_kind_that_goes_with_a_virtual_host(broker_row):
    said = " ".join(vhost_objections(broker_row(), "/v"))
    for kind, _ in hanging_on(Ref("vhost", ("/v",))):
        assert kind == "permission" or KINDS[kind].plural in said, kind


def test_connections_are_closed_with_a_virtual_host_and_are_nothing_to_give_back(scratch_vhost):
    """They are neither listed nor recorded: a broker may have thousands, in other virtual hosts too."""
    assert scratch_vhost.channel.is_open
    asked = []

    def get(*segments, query=None):
        asked.append(segments[0])
        return []

    assert list(falls_with(get, Ref("vhost", (scratch_vhost.name,)))) == []
    assert "queues" in asked
    assert "connections" not in asked


def test_what_the_preview_names_is_gone_from_the_broker_and_retired_here(
    engine, names, seen, live_broker
):
    vhost, user = names("vhost"), names("user")
    engine.do(
        ("user", [user], {}, HASH),
        ("vhost", [vhost], {}),
        ("permission", [vhost, user], ALL),
        ("topic_permission", [vhost, user, "amq.topic"], {"write": "a", "read": "b"}),
        ("policy", [vhost, "p"], {"pattern": "x", "apply_to": "queues", "priority": 0,
                                  "definition": {"max-length": 3}}),
        ("operator_policy", [vhost, "o"], {"pattern": "x", "apply_to": "queues", "priority": 0,
                                           "definition": {"max-length": 3}}),
        ("exchange", [vhost, "e"], {"type": "direct", "durable": True, "auto_delete": False,
                                    "internal": False, "arguments": {}}),
        ("queue", [vhost, "q"], {"durable": True, "auto_delete": False, "arguments": {}}),
    )  # fmt: skip
    inside = ManagedObject.objects.filter(broker=engine.broker, spec__isnull=False).exclude(
        kind__in=["vhost", "user"]
    )
    assert inside.count() == 6
    before = inside.count()
    change = engine.do(("vhost", [vhost], None), observed={Ref("vhost", (vhost,)): {}})
    assert change.state == "done"
    assert inside.count() == 0, f"of {before}"
    live_broker.call("PUT", "vhosts", vhost, body={})
    named = {"policies": [], "operator-policies": [], "queues": []}
    assert {part: live_broker.call("GET", part, vhost) for part in named} == named
    assert not [
        one for one in live_broker.call("GET", "topic-permissions") if one["vhost"] == vhost
    ]
    assert "e" not in {one["name"] for one in live_broker.call("GET", "exchanges", vhost)}


@pytest.fixture
def holding(engine, scratch_vhost):
    """(key, what was seen) of a virtual host with a queue and three messages."""
    scratch_vhost.declare("first")
    scratch_vhost.publish("first", 3)
    # The deletion would end it.
    scratch_vhost.close()
    return [scratch_vhost.name], {Ref("vhost", (scratch_vhost.name,)): {}}


def delete(engine, holding, **guard):
    key, observed = holding
    return engine.do(("vhost", key, None), observed=observed, guard=guard)


def test_a_deletion_that_would_lose_more_than_was_confirmed_asks_again(
    engine, holding, scratch_vhost, live_broker, seen, superuser
):
    for name in ("second", "third"):
        live_broker.call("PUT", "queues", scratch_vhost.name, name, body={"durable": True})
    change = delete(engine, holding, queues=1, messages=3)
    step = change.steps.get()
    assert (change.state, step.state) == ("rejected", "needs_confirmation")
    assert "It holds 3 queues and " in step.error_detail
    assert "confirmed with 1 queues and 3 messages" in step.error_detail
    assert engine.target("vhost", scratch_vhost.name).sync == "needs_confirmation"
    assert seen("vhosts", scratch_vhost.name), "nothing was sent"
    again = ask_again(
        change, CONFIRMED, seen=lambda *_: holding_seen(holding), origin="api", now=utc_now(),
        acting_user=superuser,
    )  # fmt: skip
    engine.apply()
    again.refresh_from_db()
    assert again.state == "done"
    assert seen("vhosts", scratch_vhost.name) is None


def holding_seen(holding):
    return {ref.key: spec for ref, spec in holding[1].items()}


def test_a_deletion_goes_on_where_it_loses_what_was_confirmed(engine, holding, scratch_vhost, seen):
    scratch_vhost.publish("first", 20)
    scratch_vhost.close()
    assert delete(engine, holding, queues=1, messages=3).state == "done"
    assert seen("vhosts", scratch_vhost.name) is None


def test_a_deletion_goes_on_where_nothing_was_known_to_confirm(
    engine, holding, scratch_vhost, seen
):
    assert delete(engine, holding).state == "done"


def test_what_was_never_seen_is_not_confirmed_as_nothing(broker_row):
    broker = broker_row()
    assert vhost_guard(broker, "v") == {}
    broker.status.inventory_at = utc_now()
    broker.status.parts_at = {"queues": utc_now().isoformat()}
    assert vhost_guard(broker, "v") == {"queues": 0, "messages": 0, "unknown": 0}
