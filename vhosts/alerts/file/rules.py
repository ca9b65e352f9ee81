"""Alert rules as YAML: what a file holds, the plan of what it changes, and applying it.

A file names rules by their names. Rules that it doesn't name stay as they are; nothing is deleted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import yaml
from django.db import transaction

from accessctl.authorize import AnyUser
from console.errors import InvalidField
from console.models import Broker
from vhosts.alerts.edit.checks import checked_rule, require_scope
from vhosts.alerts.edit.rules import FIELDS, audited, create_rule, edit_rule
from vhosts.alerts.evaluate.close import hold_evaluations
from vhosts.alerts.tables.rules import AlertRule

VERSION: Final = 1
MOST_BYTES: Final = 1_000_000
_MOST_RULES = 1000


@dataclass(frozen=True, slots=True)
class Row:
    """What a file does to one rule. `changes`: (field, before, after). `act`: create, update or unchanged."""

    name: str
    act: str
    changes: Sequence[tuple[str, Any, Any]]
    fields: Mapping[str, Any]
    brokers: Sequence[Broker]
    rule: AlertRule | None


def export_rules(*, only_enabled: bool = False) -> str:
    """Return all rules as YAML, sorted by name. They contain no secrets."""
    rows = AlertRule.objects.prefetch_related("brokers").order_by("name")
    if only_enabled:
        rows = rows.filter(enabled=True)
    content = {"version": VERSION, "rules": [audited(rule) for rule in rows]}
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)


def rules_content(user: AnyUser) -> dict[str, Any]:
    """Return what the file of all rules holds, without rules of brokers that the user can't see: a
    file that leaves out a broker would widen such a rule. Applying a file leaves out nothing."""
    visible = set(Broker.objects.visible_to(user).order_by().values_list("pk", flat=True))
    rows = AlertRule.objects.prefetch_related("brokers").order_by("name")
    shown = [rule for rule in rows if all(one.pk in visible for one in rule.brokers.all())]
    return {"version": VERSION, "rules": [audited(rule) for rule in shown]}


def plan_rules(text: bytes | Mapping[str, Any], user: AnyUser) -> list[Row]:
    """Return what the file, or what it holds, changes, in its order. Nothing is written. Raises
    InvalidField (the message names the rule), NotAllowed where the user's grants don't cover a rule
    that changes."""
    rows = []
    stored = {one.name: one for one in AlertRule.objects.prefetch_related("brokers")}
    brokers = {one.name: one for one in Broker.objects.visible_to(user)}
    seen: set[str] = set()
    content = text if isinstance(text, Mapping) else _read(text)
    for number, entry in enumerate(_entries(content), 1):
        name = entry.get("name")
        if not isinstance(name, str):
            raise InvalidField("rules", f"Rule {number} has no name.")
        where = f"Rule “{name:.80}”"
        unknown = set(entry) - {*FIELDS, "brokers"}
        if unknown:
            raise InvalidField(
                "rules", f"{where}: unknown field {sorted(map(str, unknown))[0]:.60}."
            )
        if name in seen:
            raise InvalidField("rules", f"{where} is in the file twice.")
        seen.add(name)
        try:
            rows.append(_row(entry, stored.get(name), brokers, user))
        except InvalidField as error:
            raise InvalidField("rules", f"{where}, {error.field}: {error.message}") from None
    return rows


def apply_rules(text: bytes | Mapping[str, Any], user: AnyUser, now: datetime) -> list[Row]:
    """Apply the file in one transaction, with an audit entry for each rule that changes. Return its plan.
    Raises like plan_rules."""
    with transaction.atomic():
        rows = plan_rules(text, user)
        hold_evaluations([row.rule.pk for row in rows if row.act == "update" and row.rule])
        for row in rows:
            if row.act == "create":
                create_rule(row.fields, row.brokers, user)
            elif row.act == "update" and row.rule is not None:
                edit_rule(row.rule.pk, row.fields, row.brokers, user, now)
    return rows


def _row(
    entry: Mapping[str, Any], rule: AlertRule | None, known: Mapping[str, Broker], user: AnyUser
) -> Row:
    before = audited(rule) if rule is not None else {}
    if "brokers" in entry or rule is None:
        named = entry.get("brokers", [])
        if not isinstance(named, list):
            raise InvalidField("brokers", "Write a list of names of brokers.")
        for one in named:
            if not isinstance(one, str) or one not in known:
                raise InvalidField("brokers", f"There is no broker {one!r:.80}.")
        brokers = [known[one] for one in sorted(set(named))]
    else:
        # Those that the user can't see stay too, and aren't named.
        brokers = sorted(rule.brokers.all(), key=lambda one: one.name)
    given = {name: value for name, value in entry.items() if name != "brokers"}
    fields = checked_rule({**{name: before[name] for name in FIELDS if before}, **given})
    after = {**fields, "brokers": [one.name for one in brokers]}
    changes = [
        (name, before.get(name), after[name])
        for name in (*FIELDS, "brokers")
        if before.get(name) != after[name]
    ]
    if changes:
        require_scope(user, brokers, fields["environment"], fields["vhost_pattern"])
        if rule is not None:
            require_scope(user, list(rule.brokers.all()), rule.environment, rule.vhost_pattern)
    act = "create" if rule is None else "update" if changes else "unchanged"
    return Row(str(fields["name"]), act, changes, fields, brokers, rule)


def _read(text: bytes) -> Any:
    """Return what the file holds. Raises InvalidField."""
    if len(text) > MOST_BYTES:
        raise InvalidField("rules", f"The file is larger than {MOST_BYTES // 1_000_000} MB.")
    if b"&" in text and any(isinstance(one, yaml.AliasToken) for one in _tokens(text)):
        raise InvalidField("rules", "The file can't contain YAML aliases.")
    try:
        return yaml.safe_load(text.decode("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError):
        raise InvalidField("rules", "The file isn't valid YAML in UTF-8.") from None


def _entries(content: Any) -> list[dict[str, Any]]:
    """Return the rules of what a file holds. Raises InvalidField."""
    if (
        not isinstance(content, dict)
        or content.get("version") != VERSION
        or set(content) != {"version", "rules"}
    ):
        raise InvalidField(
            "rules", f"The file must have version: {VERSION} and rules, and nothing else."
        )
    rules = content["rules"]
    if not isinstance(rules, list) or not all(isinstance(one, dict) for one in rules):
        raise InvalidField("rules", "rules must be a list of rules.")
    if len(rules) > _MOST_RULES:
        raise InvalidField("rules", f"A file has at most {_MOST_RULES} rules.")
    return rules


def _tokens(text: bytes) -> list[Any]:
    try:
        return list(yaml.scan(text.decode("utf-8", "replace")))
    except yaml.YAMLError:
        return []
