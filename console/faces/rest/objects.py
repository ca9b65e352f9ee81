"""The API of any kind that has a face: list, one, create, change, delete."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any

from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from console.engine.accept import Wish
from console.faces.face import FACES, Face, Planned
from console.faces.objects import proposals
from console.faces.ports import MAY
from console.faces.rest.change_fields import Managed
from console.faces.rest.changing import (
    PARAMETERS,
    BrokerField,
    Reasoned,
    ReasonOnly,
    WithManaged,
    answer_change,
    changing,
    expected_generation,
    sent,
)
from console.faces.rest.fields import Flag, Number, Text
from console.faces.rest.listed import filters_of, ordering_of
from console.faces.rest.schema import with_article
from console.faces.rest.views import ApiView
from console.kinds.common import values
from console.kinds.common.kind import Ref

_WRITES = ("create", "partial_update", "destroy")
_MOST_TEXT = 20_000
#: How a value of each form is read and written.
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


def view_of(face: Face) -> type[ApiView]:
    """The view of `/api/v1/<slug>/`."""
    pascal = _pascal(face)
    read = _read_serializer(face, pascal)
    change, new = _write_serializers(face, pascal)
    noun, plural = face.kind.noun, face.kind.plural

    class ObjectsView(WithManaged, ListModelMixin, RetrieveModelMixin, ApiView):
        serializer_class = read
        filterset_class = filters_of(face)
        ordering_fields = ordering_of(face)
        ordering = ("broker", *face.kind.identity)
        console_permissions = {
            "list": face.rights.view,
            "retrieve": face.rights.view,
            "create": face.rights.create,
            "partial_update": face.rights.edit,
            "destroy": face.rights.delete,
        }
        query_parameters = dict.fromkeys(_WRITES, PARAMETERS)
        nouns = (plural, noun)
        managed_kind = face.name
        managed_key = face.kind.identity

        def get_queryset(self) -> Any:
            rows = face.model._default_manager.visible_to(self.request.user)  # type: ignore[attr-defined]
            return rows.select_related("broker__status")

        @changing(new)
        def create(self, request: Request) -> Response:
            fields = sent(new, request, self.body())
            broker, reason = fields.pop("broker"), fields.pop("reason", "")
            key = tuple(fields.pop(name) for name in face.kind.identity)
            return answer_change(
                request,
                f"Create the {face.kind.phrase(key)} on {broker.name}",
                lambda: [
                    proposals.create(
                        face, broker=broker, key=key, fields=fields, acting_user=request.user
                    )
                ],
                reason=reason,
                objections=lambda _: _notes(face, broker, key, fields),
            )

        @changing(change, if_match=True)
        def partial_update(self, request: Request, pk: str) -> Response:
            row, generation = self.get_object(), expected_generation(request)
            fields = sent(change, request, self.body())
            reason, key = fields.pop("reason", ""), face.key_of(row)

            def make() -> list[Wish]:
                return [
                    proposals.edit(
                        face,
                        broker=row.broker,
                        key=key,
                        fields=fields,
                        acting_user=request.user,
                        expected_generation=generation,
                    )
                ]

            return answer_change(
                request,
                f"Edit the {face.kind.phrase(key)} on {row.broker.name}",
                make,
                reason=reason,
                objections=lambda _: _notes(face, row.broker, key, {**face.spec_of(row), **fields}),
            )

        @changing(ReasonOnly, if_match=True)
        def destroy(self, request: Request, pk: str) -> Response:
            row, generation = self.get_object(), expected_generation(request)
            body, key = self.body(optional=True), face.key_of(row)

            def make() -> list[Wish]:
                return [
                    proposals.delete(
                        face,
                        broker=row.broker,
                        key=key,
                        acting_user=request.user,
                        expected_generation=generation,
                    )
                ]

            return answer_change(
                request,
                f"Delete the {face.kind.phrase(key)} on {row.broker.name}",
                make,
                reason=sent(ReasonOnly, request, body).get("reason", ""),
                objections=lambda _: {
                    Ref(face.name, key): list(face.rules.dies(row.broker, key, face.spec_of(row)))
                },
            )

    ObjectsView.__name__ = ObjectsView.__qualname__ = f"{pascal}View"
    ObjectsView.__doc__ = f"{plural.capitalize()} on all brokers."
    ObjectsView.create.__doc__ = f"Create {with_article(noun)}."
    ObjectsView.partial_update.__doc__ = (
        f"Edit {with_article(noun)}. Fields you leave out keep their values."
    )
    ObjectsView.destroy.__doc__ = (
        f"Delete {with_article(noun)}. `dry_run` lists what is deleted with it."
    )
    return ObjectsView


@cache
def _new_of(name: str) -> type[Reasoned]:
    return _write_serializers(FACES[name], f"Planned{_pascal(FACES[name])}")[1]


def planned_of(face: Face) -> Planned:
    """A kind in a plan of several objects: what is there is changed, what is not is made."""

    def make(
        fields: dict[str, Any], absent: bool, user: Any, making: Collection[Ref]
    ) -> list[Wish]:
        broker = fields.pop("broker")
        key = tuple(fields.pop(name) for name in face.kind.identity)
        if absent:
            return [proposals.delete(face, broker=broker, key=key, acting_user=user)]
        # Which right is lacking would tell of what the person may not see.
        seen = MAY.ask(user, face.rights.view, broker, face.kind.vhost_of(key))
        there = seen and proposals.current(face, broker, key).wanted is not None
        act = proposals.edit if there else proposals.create
        return [act(face, broker=broker, key=key, fields=fields, acting_user=user)]

    return Planned(body=_new_of(face.name), make=make)


def _pascal(face: Face) -> str:
    return "".join(word.capitalize() for word in face.name.split("_"))


def _notes(
    face: Face, broker: Any, key: tuple[str, ...], spec: Mapping[str, Any]
) -> dict[Ref, list[str]]:
    return {Ref(face.name, key): list(face.rules.notes(broker, key, spec))}


def _read_serializer(face: Face, pascal: str) -> type[serializers.Serializer[Any]]:
    fields: dict[str, Any] = {name: serializers.CharField() for name in face.kind.identity}
    fields |= {one.name: _READ[one.canonical]() for one in face.kind.fields if not one.secret}
    fields["Meta"] = type("Meta", (), {"ref_name": pascal})
    fields["__doc__"] = f"{with_article(face.kind.noun).capitalize()} as seen on a broker."
    return type(f"{pascal}Read", (Managed, _SeenOnBroker), fields)


def _write_serializers(face: Face, pascal: str) -> tuple[type[Reasoned], type[Reasoned]]:
    """(to change, to create)"""
    help_of = {one.name: one.help for one in face.inputs}
    fields: dict[str, Any] = {}
    for one in face.kind.fields:
        fields[one.name] = _WRITE[one.canonical]()
        fields[one.name].help_text = help_of.get(one.name, "")
    change = type(
        f"{pascal}Change",
        (Reasoned,),
        {**fields, "Meta": type("Meta", (), {"ref_name": f"{pascal}Change"})},
    )
    key = {
        name: Text(max_length=255, help_text=help_of.get(name, "")) for name in face.kind.identity
    }
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
