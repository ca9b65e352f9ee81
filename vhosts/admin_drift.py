"""What was asked for here, in the Django admin: to look at, to push again, to accept what is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from accessctl.admin_acts import act_on_chosen, told_of_each
from accessctl.views.acts import Asked
from console.admin_site import SeenAdmin
from console.changes.accept import Wish
from console.errors import InvalidField
from console.models import Broker, ManagedObject, Sync
from console.reconcile.kinds import Key, Ref
from vhosts.services.manage_vhosts import vhost_objections
from vhosts.services.resolve_drift import ACCEPT, ACTS, PUSH, adopt, resolve_drift


@admin.register(ManagedObject)
class ManagedObjectAdmin(SeenAdmin):
    list_display = ("__str__", "broker", "sync", "verified_at", "drifted_since", "reason")
    list_filter = ("sync", "kind", "broker")
    list_select_related = ("broker",)
    search_fields = ("key",)
    actions = ("push_chosen", "accept_chosen")

    @admin.action(description="Push what was asked: show the plan")
    def push_chosen(self, request: HttpRequest, chosen: QuerySet[ManagedObject]) -> HttpResponse:
        return self._resolve(request, chosen, "push_chosen", PUSH)

    @admin.action(description="Accept what is there: show the plan")
    def accept_chosen(self, request: HttpRequest, chosen: QuerySet[ManagedObject]) -> HttpResponse:
        return self._resolve(request, chosen, "accept_chosen", ACCEPT)

    def _resolve(
        self, request: HttpRequest, chosen: QuerySet[ManagedObject], action: str, act: str
    ) -> HttpResponse:
        def ask(request: HttpRequest, rows: Sequence[ManagedObject]) -> Asked:
            drifted = [row for row in rows if row.sync == Sync.DRIFTED]
            if not drifted:
                raise InvalidField("ids", "None of the chosen objects differs from what was asked.")
            wishes = resolve_drift(drifted, act, acting_user=request.user)
            gone = [
                row
                for row, wish in zip(_in_order(drifted, wishes), wishes, strict=True)
                if row.kind == "vhost" and wish.spec is None and wish.observed is not None
            ]
            return Asked(
                title=f"{ACTS[act]}: {_objects(len(drifted))}",
                wishes=wishes,
                act=ACTS[act],
                back=request.get_full_path(),
                dies=told_of_each(
                    gone,
                    lambda row: Ref(row.kind, tuple(row.key)),
                    lambda row: vhost_objections(row.broker, row.key[0]),
                ),
                warnings=_left_out(len(rows) - len(drifted), "do not differ and are left out."),
                danger=bool(gone),
            )

        return act_on_chosen(self, request, chosen, action, ask)


def adopting(
    request: HttpRequest,
    kind: str,
    rows: Mapping[Broker, Sequence[Any]],
    key_of: Callable[[Any], Key],
    back: str,
) -> Asked:
    """Takes the rows under management as they are; those that are so already are left out. Raises
    ConsoleError."""
    wishes: list[Wish] = []
    chosen = 0
    for broker, found in rows.items():
        keys = [key_of(row) for row in found]
        managed = ManagedObject.objects.filter(
            broker=broker, kind=kind, key__in=[list(key) for key in keys], spec__isnull=False
        )
        known = {tuple(key) for key in managed.values_list("key", flat=True)}
        chosen += len(keys)
        if new := [key for key in keys if key not in known]:
            wishes += adopt(broker, kind, new, acting_user=request.user)
    if not wishes:
        raise InvalidField("key", "All of them are managed already.")
    return Asked(
        title=f"Adopt {_objects(len(wishes))}",
        wishes=wishes,
        act="Adopt",
        back=back,
        warnings=_left_out(chosen - len(wishes), "are managed already and left out."),
    )


def _in_order(rows: Sequence[ManagedObject], wishes: Sequence[Wish]) -> list[ManagedObject]:
    """The row of each wish: resolve_drift goes by broker and kind."""
    named = {(row.broker_id, row.kind, tuple(row.key)): row for row in rows}
    return [named[wish.broker.pk, wish.ref.kind, wish.ref.key] for wish in wishes]


def _left_out(number: int, why: str) -> list[str]:
    return [f"{number} of the chosen objects {why}"] if number else []


def _objects(number: int) -> str:
    return f"{number} {'object' if number == 1 else 'objects'}"
