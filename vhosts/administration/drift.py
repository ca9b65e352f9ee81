"""Managed objects in the Django admin: show them, restore the desired state, accept the broker's
state."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from console.engine.proposal import DesiredObject
from console.errors import InvalidField
from console.faces.acts.acts import Asked
from console.faces.admin.acts import act_on_chosen
from console.faces.admin.site import SeenAdmin
from console.faces.objects.requests import told_of_each
from console.faces.pages.words import counted
from console.kinds.common.kind import Ref
from console.models import ManagedObject
from vhosts.administration.seen import left_out
from vhosts.drift.resolve import ACCEPT, ACTS, PUSH, RESOLVABLE, objections, resolve_drift


@admin.register(ManagedObject)
class ManagedObjectAdmin(SeenAdmin):
    list_display = ("__str__", "broker", "sync", "verified_at", "drifted_since", "reason")
    list_filter = ("sync", "kind", "broker")
    list_select_related = ("broker",)
    search_fields = ("key",)
    actions = ("push_chosen", "accept_chosen")

    @admin.action(description="Restore desired state: review changes")
    def push_chosen(self, request: HttpRequest, chosen: QuerySet[ManagedObject]) -> HttpResponse:
        return self._resolve(request, chosen, "push_chosen", PUSH)

    @admin.action(description="Accept the broker's state: review changes")
    def accept_chosen(self, request: HttpRequest, chosen: QuerySet[ManagedObject]) -> HttpResponse:
        return self._resolve(request, chosen, "accept_chosen", ACCEPT)

    def _resolve(
        self, request: HttpRequest, chosen: QuerySet[ManagedObject], action: str, act: str
    ) -> HttpResponse:
        def ask(request: HttpRequest, rows: Sequence[ManagedObject]) -> Asked:
            drifted = [row for row in rows if row.sync in RESOLVABLE[act]]
            if not drifted:
                raise InvalidField(
                    "ids", "None of the selected objects differs from its desired state."
                )
            desired_objects = resolve_drift(drifted, act, acting_user=request.user)
            deletions = {
                (desired.broker.pk, desired.ref): objections(desired)
                for desired in desired_objects
                if desired.spec is None and desired.observed is not None
            }
            gone = [
                row
                for row, desired in zip(
                    _in_order(drifted, desired_objects), desired_objects, strict=True
                )
                if deletions.get((desired.broker.pk, desired.ref))
            ]
            return Asked(
                title=f"{ACTS[act]}: {counted(len(drifted), 'object')}",
                desired_objects=desired_objects,
                act=ACTS[act],
                back=request.get_full_path(),
                dies=told_of_each(
                    gone,
                    lambda row: Ref(row.kind, tuple(row.key)),
                    lambda row: deletions[row.broker_id, Ref(row.kind, tuple(row.key))],
                ),
                warnings=left_out(len(rows) - len(drifted), "don't differ and are skipped."),
                danger=bool(gone),
            )

        return act_on_chosen(self, request, chosen, action, ask)


def _in_order(
    rows: Sequence[ManagedObject], desired_objects: Sequence[DesiredObject]
) -> list[ManagedObject]:
    """Return the row of each desired object, because resolve_drift orders by broker and kind."""
    named = {(row.broker_id, row.kind, tuple(row.key)): row for row in rows}
    return [
        named[desired.broker.pk, desired.ref.kind, desired.ref.key] for desired in desired_objects
    ]
