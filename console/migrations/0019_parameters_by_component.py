"""Shovels, federation upstreams and upstream sets became kinds of their own: what was managed as a
parameter of their component is now managed as such."""

from __future__ import annotations

from typing import Any

from django.db import migrations

_KINDS = {
    "shovel": "shovel",
    "federation-upstream": "federation_upstream",
    "federation-upstream-set": "federation_upstream_set",
}


def split(apps: Any, schema_editor: Any) -> None:
    objects = apps.get_model("console", "ManagedObject").objects
    for row in objects.filter(kind="parameter").iterator():
        if row.key and row.key[0] in _KINDS:
            kind, key = _KINDS[row.key[0]], row.key[1:]
            objects.filter(pk=row.pk).update(kind=kind, key=key)


def join(apps: Any, schema_editor: Any) -> None:
    objects = apps.get_model("console", "ManagedObject").objects
    for component, kind in _KINDS.items():
        for row in objects.filter(kind=kind).iterator():
            objects.filter(pk=row.pk).update(kind="parameter", key=[component, *row.key])


class Migration(migrations.Migration):
    dependencies = [("console", "0018_acts")]

    operations = [migrations.RunPython(split, join)]
