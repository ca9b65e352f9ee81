"""Edit rules, windows and owners, within one's grants. Real Postgres."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from accessctl.models import Grant
from console.errors import AlreadyThere, InvalidField, NotAllowed, Stale
from console.models import AuditEntry, Broker
from tests.factories import add_queue
from tests.vhosts.alerts.conftest import START, events, states
from vhosts.alerts.edit.rules import (
    create_rule,
    delete_rule,
    edit_rule,
    may_edit_rule,
    restore_standard,
    set_enabled,
)
from vhosts.alerts.edit.windows import end_window, save_owner, save_window
from vhosts.alerts.standard.rules import STANDARD
from vhosts.alerts.standard.seed import seed_standard_rules
from vhosts.alerts.types.registry import TYPES
from vhosts.models import AlertIncident, AlertRule, MaintenanceWindow

pytestmark = pytest.mark.django_db
RULE = {"name": "Deep", "type": "queue_messages", "threshold": 10}


@pytest.fixture
def root(db: None) -> User:
    return User.objects.create_superuser("root")


@pytest.fixture
def tenant(clock) -> User:
    person = User.objects.create_user("tenant")
    Grant.objects.create(
        user=person,
        role="vhost_administrator",
        broker=clock.broker,
        vhost_pattern="team-a*",
        created_at=START,
    )
    return person


def test_every_standard_rule_is_stored_switched_off_and_can_be_switched_on(root) -> None:
    stored = {rule.standard_key: rule for rule in AlertRule.objects.exclude(standard_key=None)}
    assert set(stored) == {one.key for one in STANDARD}
    assert len(STANDARD) >= 35
    assert not any(rule.enabled for rule in stored.values())
    for rule in stored.values():
        assert rule.type in TYPES
        assert rule.description
        assert set_enabled(rule.pk, True, root, START).enabled
    assert seed_standard_rules() == 0


def test_a_standard_rule_is_restored_and_not_deleted(root) -> None:
    rule = AlertRule.objects.get(standard_key="ready-high")
    edit_rule(
        rule.pk, {"threshold": 5, "clear_threshold": 1, "queue_pattern": "a"}, None, root, START
    )
    with pytest.raises(InvalidField, match="Switch it off"):
        delete_rule(rule.pk, root, START)
    restored = restore_standard(rule.pk, root, START)
    assert (restored.threshold, restored.clear_threshold, restored.queue_pattern) == (
        1000,
        800,
        "*",
    )


def test_edits_are_in_the_audit_log_with_before_and_after(root) -> None:
    rule = create_rule(RULE, [], root)
    edit_rule(rule.pk, {"threshold": 20}, None, root, START, generation=1)
    delete_rule(rule.pk, root, START)
    entries = list(AuditEntry.objects.filter(target="Deep").order_by("pk"))
    assert [one.action for one in entries] == [
        "alerts:add_rule",
        "alerts:edit_rule",
        "alerts:delete_rule",
    ]
    assert (entries[1].before["threshold"], entries[1].after["threshold"]) == (10, 20)


def test_an_edit_of_what_has_changed_meanwhile_is_refused(root) -> None:
    rule = create_rule(RULE, [], root)
    edit_rule(rule.pk, {"threshold": 20}, None, root, START, generation=1)
    with pytest.raises(Stale):
        edit_rule(rule.pk, {"threshold": 30}, None, root, START, generation=1)
    with pytest.raises(AlreadyThere):
        create_rule(RULE, [], root)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "a\u202eb"),
        ("type", "nothing"),
        ("threshold", None),
        ("threshold", "many"),
        ("threshold", float("nan")),
        ("threshold", True),
        ("clear_threshold", 11),
        ("for_s", -1),
        ("for_s", 1.5),
        ("reminder_s", 5),
        ("keep_s", 10**9),
        ("severity", "bad"),
        ("environment", "moon"),
        ("vhost_pattern", "a*b*c*d*e*f*g"),
        ("queue_pattern", "a\x00"),
        ("message_type", "total; DROP"),
        ("parameters", {"unknown": 1}),
        ("parameters", [1]),
    ],
)
def test_a_field_that_cannot_be_is_refused_by_name(root, field, value) -> None:
    with pytest.raises(InvalidField) as refused:
        create_rule({**RULE, field: value}, [], root)
    assert refused.value.field == field


def test_switching_off_and_deleting_end_the_incidents(clock, root) -> None:
    add_queue(clock.broker, "orders", START, ready=11)
    rule = create_rule({**RULE, "enabled": True}, [], root)
    clock.poll()
    set_enabled(rule.pk, False, root, clock.now)
    first = AlertIncident.objects.get()
    assert (first.state, first.resolved_by, events(first)) == (
        "resolved",
        "rule",
        ["fired", "resolved"],
    )
    set_enabled(rule.pk, True, root, clock.now)
    clock.poll()
    delete_rule(rule.pk, root, clock.now)
    assert states() == [("orders", "resolved"), ("orders", "resolved")]
    assert set(AlertIncident.objects.values_list("rule", "rule_name")) == {(None, "Deep")}
    clock.poll()


def test_a_tenant_edits_rules_within_the_grant_only(clock, tenant, root) -> None:
    other = Broker.objects.create(name="other", management_url="http://other")
    inside = {**RULE, "vhost_pattern": "team-a-*"}
    rule = create_rule(inside, [clock.broker], tenant)
    assert may_edit_rule(tenant, rule)
    for fields, brokers in (
        ({**RULE, "vhost_pattern": "*"}, [clock.broker]),
        (inside, []),
        (inside, [clock.broker, other]),
        ({**inside, "type": "connections"}, [clock.broker]),
    ):
        with pytest.raises(NotAllowed):
            create_rule({**fields, "name": "more"}, brokers, tenant)
        with pytest.raises(NotAllowed):
            edit_rule(rule.pk, fields, brokers, tenant, START)
    wide = create_rule({**RULE, "name": "wide"}, [], root)
    assert not may_edit_rule(tenant, wide)
    with pytest.raises(NotAllowed):
        edit_rule(wide.pk, inside, [clock.broker], tenant, START)
    with pytest.raises(NotAllowed):
        delete_rule(wide.pk, tenant, START)


def test_a_window_is_created_and_ended_within_the_grant(clock, tenant, root) -> None:
    times = {"starts_at": START, "ends_at": START + timedelta(hours=1), "reason": "upgrade"}
    with pytest.raises(NotAllowed):
        save_window(None, times, [clock.broker], tenant, START)
    window = save_window(None, {**times, "vhost_pattern": "team-a"}, [clock.broker], tenant, START)
    end_window(window.pk, tenant, START + timedelta(minutes=5))
    window.refresh_from_db()
    assert window.ends_at == START + timedelta(minutes=5)
    later = save_window(None, {**times, "starts_at": START + timedelta(minutes=9)}, [], root, START)
    with pytest.raises(NotAllowed):
        end_window(later.pk, tenant, START)
    end_window(later.pk, root, START)
    assert list(MaintenanceWindow.objects.all()) == [window]
    for wrong in ({"ends_at": START}, {"ends_at": None}, {"ends_at": START + timedelta(days=400)}):
        with pytest.raises(InvalidField):
            save_window(None, {**times, **wrong}, [], root, START)


def test_owners_need_the_right_over_their_patterns(clock, tenant, root) -> None:
    save_owner(None, {"name": "a", "broker_pattern": "rabbit-1", "vhost_pattern": "team-a"}, tenant)
    for pattern in ("*", "rabbit-*", "unknown"):
        with pytest.raises(NotAllowed):
            save_owner(
                None, {"name": "a", "broker_pattern": pattern, "vhost_pattern": "team-a"}, tenant
            )
    save_owner(None, {"name": "everybody"}, root)


def test_a_rule_or_window_of_a_forgotten_broker_does_not_cover_all_others(clock, root) -> None:
    other = Broker.objects.create(name="other", management_url="http://other")
    alone = create_rule({**RULE, "enabled": True}, [clock.broker], root)
    both = create_rule({**RULE, "name": "both", "enabled": True}, [clock.broker, other], root)
    everywhere = create_rule({**RULE, "name": "everywhere", "enabled": True}, [], root)
    times = {"starts_at": START, "ends_at": START + timedelta(hours=1), "reason": "upgrade"}
    save_window(None, times, [clock.broker], root, START)
    kept = save_window(None, times, [], root, START)
    add_queue(clock.broker, "orders", START, ready=11)
    clock.poll()
    assert AlertIncident.objects.count() == 3
    clock.broker.delete()
    enabled = AlertRule.objects.filter(enabled=True)
    assert set(enabled) == {both, everywhere}
    assert not AlertRule.objects.get(pk=alone.pk).enabled
    assert list(MaintenanceWindow.objects.all()) == [kept]
    assert not AlertIncident.objects.exists()
