"""Serializers of a kind, drawn from its fields."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from rest_framework import serializers

from console.faces.face import Face
from console.faces.rest.drawn.changing import BrokerField, Reasoned
from console.faces.rest.drawn.managed import Managed
from console.faces.rest.fields import Flag, Number, Text
from console.faces.rest.schema import with_article
from console.kinds.common import values

_MOST_TEXT = 20_000
#: Serializer fields to read and write the values of each form.
_READ: Mapping[Callable[[Any], Any], Callable[[], serializers.Field[Any, Any, Any, Any]]] = {
    values.text: serializers.CharField,
    values.text_or_empty: serializers.CharField,
    values.optional_text: lambda: serializers.CharField(allow_null=True),
    values.flag: serializers.BooleanField,
    values.integer: serializers.IntegerField,
    values.tags: lambda: serializers.ListField(child=serializers.CharField()),
    values.limits: serializers.DictField,
    values.table: serializers.DictField,
    values.any_json: serializers.JSONField,
}
_WRITE: Mapping[Callable[[Any], Any], Callable[[], serializers.Field[Any, Any, Any, Any]]] = {
    values.text: lambda: Text(required=False, allow_blank=True, max_length=_MOST_TEXT),
    values.text_or_empty: lambda: Text(required=False, allow_blank=True, max_length=_MOST_TEXT),
    values.optional_text: lambda: Text(
        required=False, allow_blank=True, allow_null=True, max_length=_MOST_TEXT
    ),
    values.flag: lambda: Flag(required=False),
    values.integer: lambda: Number(required=False),
    values.tags: lambda: serializers.ListField(
        child=Text(max_length=255), required=False, max_length=32
    ),
    values.limits: lambda: serializers.DictField(child=Number(allow_null=True), required=False),
    values.table: lambda: serializers.DictField(required=False),
    values.any_json: lambda: serializers.JSONField(required=False),
}


class _SeenOnBroker(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    broker = serializers.IntegerField(source="broker_id", help_text="The broker's ID.")
    broker_name = serializers.CharField(source="broker.name")
    first_seen_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()
    inventory_at = serializers.DateTimeField(
        source="broker.status.inventory_at",
        allow_null=True,
        help_text="When the broker's objects were last listed.",
    )


class TableText(serializers.DictField):
    """A table of AMQP arguments that is a part of a key, where it is JSON text."""

    def to_internal_value(self, data: Any) -> Any:
        return values.arguments_key(super().to_internal_value(data))

    def get_default(self) -> Any:
        return values.arguments_key(super().get_default() or {})

    def to_representation(self, value: Any) -> Any:
        return super().to_representation(json.loads(value))


def pascal_of(face: Face) -> str:
    return "".join(word.capitalize() for word in face.name.split("_"))


def read_serializer(face: Face, pascal: str) -> type[serializers.Serializer[Any]]:
    fields: dict[str, Any] = {name: serializers.CharField() for name in face.kind.identity}
    if face.kind.table_at is not None:
        fields[face.kind.identity[face.kind.table_at]] = TableText()
    fields |= {one.name: _READ[one.canonical]() for one in face.kind.fields if not one.secret}
    fields["Meta"] = type("Meta", (), {"ref_name": pascal})
    said = face.api.said.get("read") if face.api else None
    fields["__doc__"] = said or f"{with_article(face.kind.noun).capitalize()} as seen on a broker."
    return type(f"{pascal}Read", (Managed, _SeenOnBroker), fields)


def write_serializers(face: Face, pascal: str) -> tuple[type[Reasoned], type[Reasoned]]:
    """Return the serializers of PATCH and POST."""
    help_of = {one.name: one.help for one in face.inputs}
    empty = {one.name for one in face.inputs if one.optional}
    fields: dict[str, Any] = {}
    for one in face.kind.fields:
        fields[one.name] = _WRITE[one.canonical]()
        fields[one.name].help_text = help_of.get(one.name, "")
    change = type(
        f"{pascal}Change",
        (Reasoned,),
        {**fields, "Meta": type("Meta", (), {"ref_name": f"{pascal}Change"})},
    )
    key: dict[str, serializers.Field[Any, Any, Any, Any]] = {
        name: Text(
            max_length=255,
            help_text=help_of.get(name, ""),
            **({"required": False, "default": "", "allow_blank": True} if name in empty else {}),
        )
        for name in face.kind.identity
    }
    if face.kind.table_at is not None:
        name = face.kind.identity[face.kind.table_at]
        key[name] = TableText(required=False, default=dict, help_text=help_of.get(name, ""))
    new = type(
        f"{pascal}New",
        (change,),
        {
            "broker": BrokerField(help_text="A broker's ID or name."),
            **key,
            "Meta": type("Meta", (), {"ref_name": f"{pascal}New"}),
        },
    )
    return change, new
