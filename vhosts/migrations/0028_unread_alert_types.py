"""Standard rules that measured what the console reads from no broker. They could never fire."""

from __future__ import annotations

from typing import Any

from django.db import migrations


def delete_rules(apps: Any, schema_editor: Any) -> None:
    keys = ["oldest-message", "connection-flow", "stream-lag"]
    apps.get_model("vhosts", "AlertRule").objects.filter(standard_key__in=keys).delete()


class Migration(migrations.Migration):
    dependencies = [("vhosts", "0027_listening")]
    operations = [migrations.RunPython(delete_rules, migrations.RunPython.noop)]
