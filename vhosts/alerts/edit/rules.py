"""Create, edit, switch on and delete alert rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection, transaction

from accessctl.authorize import AnyUser
from console import audit
from console.errors import AlreadyThere, InvalidField, NotThere, Stale
from console.models import Broker
from vhosts.alerts.edit.checks import checked_rule, may_edit, require_scope
from vhosts.alerts.evaluate.close import close_incidents, hold_evaluations
from vhosts.alerts.notifications.close import end_for_rule
from vhosts.alerts.standard.rules import STANDARD
from vhosts.alerts.standard.seed import fields_of
from vhosts.alerts.tables.rules import AlertRule

#: Fields that a person sets, beside `brokers`.
FIELDS = (
    "name", "description", "type", "threshold", "clear_threshold", "for_s", "keep_s", "reminder_s",
    "severity", "environment", "vhost_pattern", "queue_pattern", "message_type", "parameters",
    "enabled",
)  # fmt: skip


def may_edit_rule(user: AnyUser, rule: AlertRule) -> bool:
    """Return whether the user may edit the rule as it is."""
    return may_edit(user, list(rule.brokers.all()), rule.environment, rule.vhost_pattern)


def create_rule(fields: Mapping[str, Any], brokers: Sequence[Broker], person: AnyUser) -> AlertRule:
    """Create a rule for the brokers; none: for all of its environment. Raises InvalidField,
    NotAllowed, AlreadyThere."""
    columns = checked_rule(fields)
    require_scope(person, brokers, columns["environment"], columns["vhost_pattern"])
    with transaction.atomic():
        rule = AlertRule(**columns)
        _save(rule)
        rule.brokers.set(brokers)
        _record("alerts:add_rule", rule, person, None, audited(rule))
    return rule


def edit_rule(
    rule_id: int,
    fields: Mapping[str, Any],
    brokers: Sequence[Broker] | None,
    person: AnyUser,
    now: datetime,
    *,
    generation: int | None = None,
) -> AlertRule:
    """Change the given fields; others stay. `brokers` None: they stay. `generation`: what the
    person last saw; Stale if it has changed since. The person's grants must cover the rule before
    and after. Raises InvalidField, NotAllowed, AlreadyThere, NotThere, Stale."""
    with transaction.atomic():
        rule = _locked(rule_id)
        if generation is not None and generation != rule.generation:
            raise Stale("Somebody else edited this rule meanwhile. Reload it, then edit it again.")
        old = list(rule.brokers.all())
        require_scope(person, old, rule.environment, rule.vhost_pattern)
        before = audited(rule)
        current = {name: getattr(rule, name) for name in FIELDS}
        columns = checked_rule({**current, **fields})
        chosen = old if brokers is None else list(brokers)
        require_scope(person, chosen, columns["environment"], columns["vhost_pattern"])
        other_type = columns["type"] != rule.type
        for name, value in columns.items():
            setattr(rule, name, value)
        rule.broken_at, rule.broken_text = None, ""
        rule.generation += 1
        _save(rule)
        rule.brokers.set(chosen)
        if other_type or not rule.enabled:
            with connection.cursor() as cursor:
                close_incidents(cursor, rule.pk, now)
        _record("alerts:edit_rule", rule, person, before, audited(rule))
    return rule


def set_enabled(rule_id: int, enabled: bool, person: AnyUser, now: datetime) -> AlertRule:
    """Switch a rule on or off. Its open incidents end when it is switched off. Raises like
    edit_rule."""
    return edit_rule(rule_id, {"enabled": enabled}, None, person, now)


def restore_standard(rule_id: int, person: AnyUser, now: datetime) -> AlertRule:
    """Give a standard rule its original fields; its brokers and whether it is on stay. Raises like
    edit_rule, InvalidField if it isn't a standard rule."""
    rule = AlertRule.objects.filter(pk=rule_id).first()
    known = [one for one in STANDARD if rule is not None and one.key == rule.standard_key]
    if not known:
        raise InvalidField("", "Only standard rules can be restored.")
    defaults = {"keep_s": 0, "reminder_s": 0, "message_type": "ready", "parameters": {}}
    fields = {"queue_pattern": "*", "vhost_pattern": "*", **defaults, **fields_of(known[0])}
    return edit_rule(rule_id, fields, None, person, now)


def delete_rule(rule_id: int, person: AnyUser, now: datetime) -> None:
    """Delete a rule; its incidents end and stay in the history. Raises NotThere, NotAllowed,
    InvalidField for a standard rule."""
    with transaction.atomic():
        rule = _locked(rule_id)
        require_scope(person, list(rule.brokers.all()), rule.environment, rule.vhost_pattern)
        if rule.standard_key:
            raise InvalidField("", "Standard rules can't be deleted. Switch it off instead.")
        with connection.cursor() as cursor:
            close_incidents(cursor, rule.pk, now)
        end_for_rule(rule, now)
        _record("alerts:delete_rule", rule, person, audited(rule), None)
        rule.delete()


def audited(rule: AlertRule) -> dict[str, Any]:
    """Return the rule's fields and the names of its brokers. Also the form in files and the API."""
    fields = {name: getattr(rule, name) for name in FIELDS}
    return {**fields, "brokers": sorted(one.name for one in rule.brokers.all())}


def _locked(rule_id: int) -> AlertRule:
    hold_evaluations([rule_id])
    rule = AlertRule.objects.select_for_update().filter(pk=rule_id).first()
    if rule is None:
        raise NotThere("This rule doesn't exist any more.")
    return rule


def _save(rule: AlertRule) -> None:
    try:
        with transaction.atomic():
            rule.save()
    except IntegrityError:
        raise AlreadyThere(f"There is a rule named {rule.name} already.") from None


def _record(
    action: str,
    rule: AlertRule,
    person: AnyUser,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
) -> None:
    chosen = list(rule.brokers.all()[:2])
    audit.record(
        action,
        target_kind="alert_rule",
        target=rule.name,
        # An entry about one broker is seen by those who may see that broker's log.
        broker=chosen[0] if len(chosen) == 1 else None,
        acting_user=person,
        before=before,
        after=after,
    )
