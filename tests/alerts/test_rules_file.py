"""Alert rules as a file: export, plan, apply."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from console.errors import ConsoleError, InvalidField, NotAllowed
from console.models import AuditEntry
from tests.factories import register_broker
from vhosts.alerts.file.rules import apply_rules, export_rules, plan_rules
from vhosts.models import AlertRule

pytestmark = pytest.mark.django_db


def file_of(*rules: dict[str, Any]) -> bytes:
    return yaml.safe_dump({"version": 1, "rules": list(rules)}).encode()


DEEP = {
    "name": "Deep",
    "type": "queue_messages",
    "threshold": 1000,
    "severity": "critical",
    "for_s": 60,
    "enabled": True,
}


def test_an_export_changes_nothing_when_it_is_applied(superuser: Any) -> None:
    text = export_rules().encode()
    assert len(yaml.safe_load(text)["rules"]) == AlertRule.objects.count() > 30
    assert {row.act for row in apply_rules(text, superuser, timezone.now())} == {"unchanged"}
    assert not AuditEntry.objects.exists()


def test_the_commands_plan_apply_and_export(superuser: Any, tmp_path: Path) -> None:
    register_broker(name="prod")
    file = tmp_path / "rules.yaml"
    file.write_bytes(file_of({**DEEP, "brokers": ["prod"]}))

    def run(*arguments: str) -> str:
        out = StringIO()
        call_command("alerts", *arguments, stdout=out)
        return out.getvalue()

    assert "create Deep" in run("plan", str(file))
    assert not AlertRule.objects.filter(name="Deep").exists()
    assert "Applied: 1 of 1" in run("apply", str(file))
    rule = AlertRule.objects.get(name="Deep")
    assert (rule.threshold, rule.enabled, rule.brokers.get().name) == (1000, True, "prod")
    file.write_bytes(file_of({"name": "Deep", "type": "queue_messages", "threshold": 5}))
    assert "threshold: 1000.0 → 5.0" in run("plan", str(file))
    run("apply", str(file))
    rule.refresh_from_db()
    assert (rule.threshold, rule.severity, rule.brokers.count()) == (5, "critical", 1), (
        "the rest stays"
    )
    assert "Deep" in run("export", "--enabled")
    actions = list(AuditEntry.objects.order_by("id").values_list("action", flat=True))
    assert actions == ["alerts:add_rule", "alerts:edit_rule"]
    file.write_bytes(b"version: 2")
    with pytest.raises(CommandError):
        run("apply", str(file))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"\xff", "valid YAML"),
        (b"version: 1\nrules: &a [*a]", "alias"),
        (b"[]", "version"),
        (b"version: 1\nrules: {}", "list of rules"),
        (file_of({**DEEP, "colour": "red"}), "colour"),
        (file_of(DEEP, dict(DEEP, enabled=False)), "twice"),
        (file_of({**DEEP, "threshold": "many"}), "“Deep”, threshold: Enter a number"),
        (file_of({**DEEP, "brokers": ["nowhere"]}), "no broker"),
        (file_of({**DEEP, "brokers": [["a"]]}), "no broker"),
        (file_of({**DEEP, "name": ["Deep"]}), "Rule 1 has no name"),
        (file_of({**DEEP, "enabled": "false"}), "“Deep”, enabled: Enter true or false"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_applied(
    superuser: Any, text: bytes, said: str
) -> None:
    before = AlertRule.objects.count()
    with pytest.raises(InvalidField, match=said):
        apply_rules(text, superuser, timezone.now())
    assert AlertRule.objects.count() == before


def test_a_file_needs_the_rights_of_its_rules(cast: Any) -> None:
    mine = file_of({**DEEP, "brokers": ["a"]})
    assert plan_rules(mine, cast.alice)[0].act == "create"
    with pytest.raises(NotAllowed):
        plan_rules(file_of(DEEP), cast.alice)
    with pytest.raises(ConsoleError):
        plan_rules(mine, cast.bob)
