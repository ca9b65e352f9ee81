"""The API of any kind that has a face: list, read, create, change, delete."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache, partial
from typing import Any

from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from console.engine.proposal import DesiredObject
from console.faces.face import FACES, Face, Planned
from console.faces.objects import proposals
from console.faces.objects.requests import deleted_with
from console.faces.ports import MAY
from console.faces.rest.drawn.changing import (
    PARAMETERS,
    ForcedRemoval,
    Reasoned,
    ReasonOnly,
    answer_change,
    changing,
    expected_generation,
    sent,
)
from console.faces.rest.drawn.fields import pascal_of, read_serializer, write_serializers
from console.faces.rest.drawn.lists import filters_of, ordering_of
from console.faces.rest.drawn.managed import WithManaged
from console.faces.rest.schema import with_article
from console.faces.rest.views import ApiView
from console.faces.writes import Api, desired_objects_of
from console.kinds.common.kind import Ref

_WRITES = ("create", "partial_update", "destroy")


def view_of(face: Face) -> type[ApiView]:
    """Return the view of `/api/v1/<slug>/`."""
    pascal, api = pascal_of(face), face.api
    read = (api and api.read) or read_serializer(face, pascal)
    change, new = (api.change, api.new) if api else write_serializers(face, pascal)
    ways = api or _general(face)
    more = api.more if api else None
    removal = ForcedRemoval if face.forced else ReasonOnly

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
            **getattr(more, "more_permissions", {}),
        }
        query_parameters = {
            **dict.fromkeys(_WRITES, PARAMETERS),
            **getattr(more, "more_parameters", {}),
        }
        nouns = ways.nouns or (face.kind.plural, face.kind.noun)
        managed_kind = face.name
        managed_key = face.kind.identity

        def get_queryset(self) -> Any:
            rows = face.model._default_manager.visible_to(self.request.user)  # type: ignore[attr-defined]
            return rows.select_related("broker__status")

        @changing(new)
        def create(self, request: Request) -> Response:
            fields = sent(new, request, self.body())
            broker, reason = fields.pop("broker"), fields.pop("reason", "")
            fields.pop("break_glass", None)  # which answer_change reads
            key = tuple(fields.pop(name) for name in face.kind.identity)
            once = ways.take(fields, new=True)
            return answer_change(
                request,
                f"{ways.verbs[0]} the {face.called(key)} on {broker.name}",
                lambda: desired_objects_of(
                    ways.create(broker=broker, key=key, fields=fields, acting_user=request.user)
                ),
                reason=reason,
                objections=lambda _: _notes(face, broker, key, fields),
                password=once,
            )

        @changing(change, if_match=True)
        def partial_update(self, request: Request, pk: str) -> Response:
            row, generation = self.get_object(), expected_generation(request)
            fields = sent(change, request, self.body())
            reason, key = fields.pop("reason", ""), face.key_of(row)
            fields.pop("break_glass", None)
            once = ways.take(fields, new=False)
            return answer_change(
                request,
                f"{ways.verbs[1]} the {face.called(key)} on {row.broker.name}",
                lambda: desired_objects_of(
                    ways.edit(
                        broker=row.broker,
                        key=key,
                        fields=fields,
                        acting_user=request.user,
                        expected_generation=generation,
                    )
                ),
                reason=reason,
                objections=lambda _: _notes(face, row.broker, key, {**face.spec_of(row), **fields}),
                password=once,
            )

        @changing(removal, if_match=True)
        def destroy(self, request: Request, pk: str) -> Response:
            row, generation = self.get_object(), expected_generation(request)
            said, key = sent(removal, request, self.body(optional=True)), face.key_of(row)
            force = {"force": True} if said.get("force") else {}
            return answer_change(
                request,
                f"{ways.verbs[2]} the {face.called(key)} on {row.broker.name}",
                lambda: desired_objects_of(
                    ways.delete(
                        broker=row.broker,
                        key=key,
                        acting_user=request.user,
                        expected_generation=generation,
                        **force,
                    )
                ),
                reason=said.get("reason", ""),
                objections=lambda _: {
                    Ref(face.name, key): deleted_with(face, row, force=bool(force))
                },
            )

    ObjectsView.create.__doc__ = ways.said["create"]
    if face.kind.is_editable:
        ObjectsView.partial_update.__doc__ = ways.said["partial_update"]
    else:
        del ObjectsView.partial_update
    ObjectsView.destroy.__doc__ = ways.said["destroy"]
    bases = (more, ObjectsView) if more else (ObjectsView,)
    return type(f"{pascal}View", bases, {"__doc__": ways.said[""]})


def _general(face: Face) -> Api:
    """Return the API of a kind that has no functions of its own."""
    noun = face.kind.noun
    return Api(
        create=partial(proposals.create, face),
        edit=partial(proposals.edit, face),
        delete=partial(proposals.delete, face),
        change=ReasonOnly,
        new=ReasonOnly,
        said={
            "": f"{face.kind.plural.capitalize()} on all brokers.",
            "create": f"Create {with_article(noun)}.",
            "partial_update": f"Edit {with_article(noun)}. Fields you leave out keep their values.",
            "destroy": f"Delete {with_article(noun)}. `dry_run` lists what is deleted with it.",
        },
    )


@cache
def _new_of(name: str) -> type[Reasoned]:
    return write_serializers(FACES[name], f"Planned{pascal_of(FACES[name])}")[1]


def planned_of(face: Face) -> Planned:
    """Return how a plan of several objects handles the kind: existing ones are changed, others
    created."""

    ways = face.api or _general(face)

    def make(
        fields: dict[str, Any], absent: bool, user: Any, making: Collection[Ref]
    ) -> list[DesiredObject]:
        where: dict[str, Any] = {"broker": fields.pop("broker"), "acting_user": user}
        where["key"] = key = tuple(fields.pop(name) for name in face.kind.identity)
        if absent:
            made = ways.delete(**where)
        elif ways.replaces:
            made = ways.create(**where, fields=fields, making=making)
        elif ways.there is None:
            # A missing right in the error would reveal an object that the person may not see.
            seen = MAY.ask(user, face.rights.view, where["broker"], face.kind.vhost_of(key))
            there = (
                seen and proposals.current_state_of(face, where["broker"], key).wanted is not None
            )
            made = (ways.edit if there else ways.create)(**where, fields=fields)
        else:
            there = ways.there(where["broker"], key, user)
            made = (ways.edit if there else ways.create)(**where, fields=fields)
        return list(desired_objects_of(made))

    return Planned(body=face.api.new if face.api else _new_of(face.name), make=make)


def _notes(
    face: Face, broker: Any, key: tuple[str, ...], spec: Mapping[str, Any]
) -> dict[Ref, list[str]]:
    found = list(face.rules.notes(broker, key, spec))
    return {Ref(face.name, key): found} if found else {}
