"""Serializers of changes and plans in the API."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, OuterRef, QuerySet
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from console.faces.seen import ids_of
from console.kinds.common.kind import Key, Op
from console.kinds.registry import KINDS
from console.models import Broker, Change, ChangeState, Step, StepState

#: The most objects that the response to a write names.
MOST_OBJECTS = 100


_OPS = [
    *(op.value for op in Op),
    *dict.fromkeys(act for kind in KINDS.values() for act in kind.acts),
]


class FieldChangeRead(serializers.Serializer[Any]):
    """Secrets have null `before` and `after`; only the fact that they change is reported."""

    name = serializers.CharField()
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)
    secret = serializers.BooleanField()

    class Meta:
        ref_name = "FieldChange"


class PlanStepRead(serializers.Serializer[Any]):
    broker = serializers.IntegerField()
    broker_name = serializers.CharField()
    op = serializers.ChoiceField(choices=_OPS)
    kind = serializers.CharField()
    key = serializers.DictField(child=serializers.CharField())
    fields_ = FieldChangeRead(many=True)
    objections = serializers.ListField(child=serializers.CharField())
    commands = serializers.ListField(
        child=serializers.CharField(),
        help_text="The equivalent rabbitmqctl and curl commands.",
    )

    class Meta:
        ref_name = "PlanStep"

    def get_fields(self) -> dict[str, Any]:
        # `fields` is a reserved name in DRF.
        found = super().get_fields()
        return {name.rstrip("_"): field for name, field in found.items()}


class PlanRead(serializers.Serializer[Any]):
    """The planned changes. Nothing is stored."""

    title = serializers.CharField()
    changes = serializers.BooleanField(help_text="Whether there is any difference.")
    counts = serializers.DictField(
        child=serializers.IntegerField(), help_text="The number of steps by `op`."
    )
    left_out = serializers.IntegerField(help_text="The number of steps that aren't listed.")
    objections = serializers.ListField(
        child=serializers.CharField(), help_text="Sentences about the whole plan."
    )
    owned = serializers.ListField(
        child=serializers.CharField(),
        help_text="Sentences about objects that a folder of definitions owns: without "
        "`break_glass`, the change is refused.",
    )
    steps = PlanStepRead(many=True)

    class Meta:
        ref_name = "Plan"


class WaitsForRead(serializers.Serializer[Any]):
    """A step of an earlier change. All fields are null if you aren't allowed to see that change."""

    change = serializers.UUIDField(allow_null=True)
    ordinal = serializers.IntegerField(allow_null=True)
    op = serializers.CharField(allow_null=True)
    kind = serializers.CharField(allow_null=True)
    key = serializers.DictField(child=serializers.CharField(), allow_null=True)

    class Meta:
        ref_name = "WaitsFor"


class StepRead(serializers.Serializer[Any]):
    """An object of a change."""

    ordinal = serializers.IntegerField()
    broker = serializers.IntegerField(source="broker_id")
    broker_name = serializers.CharField(source="broker.name")
    kind = serializers.CharField(source="target.kind")
    key = serializers.SerializerMethodField()
    op = serializers.CharField()
    state = serializers.ChoiceField(choices=StepState.choices)
    fields_ = FieldChangeRead(many=True)
    generation = serializers.IntegerField()
    parameters = serializers.DictField(help_text="Of an act, such as the node.")
    result = serializers.CharField(help_text="What an act did, in words.")
    attempts = serializers.IntegerField()
    next_attempt_at = serializers.SerializerMethodField()
    waits_for = serializers.SerializerMethodField(
        help_text="The step of an earlier change that must end first; null if none."
    )
    error_code = serializers.CharField()
    error_detail = serializers.CharField(help_text="The broker's error message, or the console's.")
    finished_at = serializers.DateTimeField(allow_null=True)

    class Meta:
        ref_name = "Step"

    def get_fields(self) -> dict[str, Any]:
        found = super().get_fields()
        return {name.rstrip("_"): field for name, field in found.items()}

    @extend_schema_field(serializers.DictField(child=serializers.CharField()))
    def get_key(self, step: Step) -> dict[str, str]:
        return dict(zip(KINDS[step.target.kind].identity, step.target.key, strict=True))

    @extend_schema_field(WaitsForRead(allow_null=True))
    def get_waits_for(self, step: Step) -> dict[str, Any] | None:
        waits_for: dict[int, Step | None] = self.context.get("waits_for", {})
        if step.pk not in waits_for:
            return None
        found = waits_for[step.pk]
        return {
            "change": str(found.change_id) if found else None,
            "ordinal": found.ordinal if found else None,
            "op": found.op if found else None,
            "kind": found.target.kind if found else None,
            "key": self.get_key(found) if found else None,
        }

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_next_attempt_at(self, step: Step) -> Any:
        return step.next_at if step.state in ("pending", "verifying") else None


class ChangeRead(serializers.Serializer[Any]):
    """A change requested by one user. `done` means that every step was verified on its broker."""

    id = serializers.UUIDField()
    title = serializers.CharField()
    reason = serializers.CharField()
    author = serializers.CharField(source="author_name")
    origin = serializers.CharField()
    state = serializers.ChoiceField(choices=ChangeState.choices)
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    stop_requested_at = serializers.DateTimeField(allow_null=True)
    steps = serializers.SerializerMethodField(help_text="The number of steps by state.")
    note = serializers.CharField(
        help_text="What became of steps that are no longer listed, because their broker was removed."
    )
    reverts = serializers.SerializerMethodField(help_text="The changes that this one undoes.")
    reverted_by = serializers.SerializerMethodField(help_text="The changes that undo this one.")

    class Meta:
        ref_name = "Change"

    @extend_schema_field(serializers.DictField(child=serializers.IntegerField()))
    def get_steps(self, change: Change) -> dict[str, int]:
        counted: dict[Any, dict[str, int]] | None = self.context.get("steps")
        if counted is not None:
            return counted.get(change.pk, {})
        return step_counts([change]).get(change.pk, {})

    @extend_schema_field(serializers.ListField(child=serializers.UUIDField()))
    def get_reverts(self, change: Change) -> list[str]:
        return _ids(change, "undoes", change.reverts)

    @extend_schema_field(serializers.ListField(child=serializers.UUIDField()))
    def get_reverted_by(self, change: Change) -> list[str]:
        return _ids(change, "undone_by", change.reverted_by)


def with_reverts(changes: QuerySet[Change], seen: QuerySet[Change]) -> QuerySet[Change]:
    """Read `reverts` and `reverted_by` of many changes in the same query, as far as they are among
    the changes `seen`."""
    pairs, ids = Change.reverts.through.objects, seen.values("pk")
    undoes = pairs.filter(from_change=OuterRef("pk"), to_change__in=ids)
    undone_by = pairs.filter(to_change=OuterRef("pk"), from_change__in=ids)
    return changes.annotate(
        undoes=ArraySubquery(undoes.values("to_change")),
        undone_by=ArraySubquery(undone_by.values("from_change")),
    )


def _ids(change: Change, annotated: str, changes: Any) -> list[str]:
    found = getattr(change, annotated, None)
    return [str(pk) for pk in (changes.values_list("pk", flat=True) if found is None else found)]


class ChangedObject(serializers.Serializer[Any]):
    broker = serializers.IntegerField()
    kind = serializers.CharField()
    key = serializers.DictField(child=serializers.CharField())
    id = serializers.IntegerField(
        allow_null=True,
        help_text="Address below /api/v1/; null if the object doesn't exist (yet) or you can't "
        "see it.",
    )

    class Meta:
        ref_name = "ChangedObject"


class ChangeMade(ChangeRead):
    objects = serializers.SerializerMethodField(
        help_text=f"The objects of the change; for a large change, the first {MOST_OBJECTS}."
    )
    password = serializers.CharField(
        required=False,
        help_text="The generated password, if you requested one. It is shown only once.",
    )

    class Meta:
        ref_name = "ChangeMade"

    @extend_schema_field(ChangedObject(many=True))
    def get_objects(self, change: Change) -> list[dict[str, Any]]:
        steps = list(change.steps.select_related("target", "broker")[:MOST_OBJECTS])
        viewer = self.context["request"].user
        alike: dict[tuple[Broker, str], list[Key]] = {}
        for step in steps:
            alike.setdefault((step.broker, step.target.kind), []).append(tuple(step.target.key))
        ids = {of: ids_of(*of, keys, viewer=viewer) for of, keys in alike.items()}
        return [
            {
                "broker": step.broker_id,
                "kind": step.target.kind,
                "key": dict(zip(KINDS[step.target.kind].identity, step.target.key, strict=True)),
                "id": ids[step.broker, step.target.kind].get(tuple(step.target.key)),
            }
            for step in steps
        ]


def step_counts(changes: list[Change]) -> dict[Any, dict[str, int]]:
    """Return the number of steps of each change by state. One query."""
    found: dict[Any, dict[str, int]] = {}
    steps = Step.objects.filter(change__in=[change.pk for change in changes]).order_by()
    for pk, state, number in steps.values_list("change", "state").annotate(n=Count("pk")):
        found.setdefault(pk, {})[state] = number
    return found
