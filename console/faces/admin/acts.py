"""Broker operations in the Django admin: the same plan, change and read-back as on the console's
pages.

No row is saved here. The admin lists what inventories found. Adding, changing and deleting show the
plan first, as a dry run, and create a Change once confirmed.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import ModelAdmin
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.views.decorators.debug import sensitive_post_parameters

from console.errors import InvalidField
from console.faces.acts.acts import Asked, Edge, carry_out, confirm
from console.faces.acts.forms import ActForm
from console.faces.admin.site import SeenAdmin
from console.models import Broker, Change, PollState

MOST_AT_ONCE = 1000
_NOT_ANSWERING = (PollState.REFUSED, PollState.UNREACHABLE)


class AdminEdge(Edge):
    origin = "admin"
    template = "admin/act_preview.html"

    def __init__(self, model_admin: Any) -> None:
        self._admin = model_admin

    def context(self, request: HttpRequest) -> dict[str, Any]:
        return {
            **self._admin.admin_site.each_context(request),
            "opts": self._admin.opts,
            "title": "Review changes",
        }

    def landed(self, request: HttpRequest, back: str, change: Change) -> HttpResponse:
        messages.success(
            request,
            format_html(
                'Accepted: <a href="{}">{}</a>. Follow the link for its progress.',
                reverse("change", args=[change.pk]),
                change.title,
            ),
        )
        for sentence in waits(Broker.objects.filter(pk__in=change.steps.values("broker"))):
            messages.warning(request, sentence)
        return redirect(back)


def waits(brokers: QuerySet[Broker]) -> list[str]:
    """Return one sentence for each broker that can't apply changes at present."""
    found = []
    for broker in brokers.select_related("status").order_by("name"):
        if not broker.enabled:
            found.append(
                f"The broker {broker.name} is disabled. The change is applied once you enable it."
            )
        elif broker.status.state in _NOT_ANSWERING:
            found.append(
                f"The broker {broker.name} didn't answer the last request. The change "
                "is applied once the broker is reachable."
            )
    return found


class ActAdmin(SeenAdmin):
    """Base of the admin classes that change objects on brokers.

    Subclasses implement `form_of`, `wanted` and `deleting`.
    """

    #: The noun for one row: "virtual host".
    word: str
    #: Text above the form.
    about: str = ""

    @abstractmethod
    def form_of(self, request: HttpRequest, broker: Broker, row: Any) -> ActForm:
        """Return the form, bound to the POST data, if any. `row` None: a new object."""

    @abstractmethod
    def wanted(self, request: HttpRequest, broker: Broker, row: Any, form: Any) -> Asked:
        """Return what a valid form requests. Raises ConsoleError."""

    @abstractmethod
    def deleting(self, request: HttpRequest, rows: Sequence[Any]) -> Asked:
        """Return the request to delete the rows' objects. Raises ConsoleError."""

    # --- Superusers only, like the whole admin (console.faces.admin.site) ---

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.admin_site.has_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.admin_site.has_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.admin_site.has_permission(request)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Return the actions without Django's own deletion, which would delete only the mirror rows
        and nothing on the broker."""
        actions = super().get_actions(request)
        return {name: action for name, action in actions.items() if name != "delete_selected"}

    # --- Views ---

    @property
    def list_address(self) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")

    @method_decorator(sensitive_post_parameters())
    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        brokers = list(Broker.objects.visible_to(request.user).select_related("status"))
        chosen = request.GET.get("broker", "")
        if not chosen and len(brokers) == 1:
            chosen = str(brokers[0].pk)
        if not chosen:
            found = {"brokers": sorted(brokers, key=lambda one: one.name), "admin": self}
            return self._page(request, "admin/act_broker.html", f"Add {self.word}", found)
        broker = next((one for one in brokers if str(one.pk) == chosen), None)
        if broker is None:
            raise Http404("Broker not found.")
        return self._formed(request, broker, None)

    @method_decorator(sensitive_post_parameters())
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        row = self._row(request, object_id)
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined, no-any-return]
        if not self.has_change_permission(request, row):
            # All its fields are fixed: it is only shown.
            return super().change_view(request, object_id, form_url, extra_context)
        return self._formed(request, row.broker, row)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        row = self._row(request, object_id)
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined, no-any-return]
        return confirm(
            request,
            lambda: self.deleting(request, [row]),
            self.list_address,
            edge=AdminEdge(self),
        )

    def act_on(
        self,
        request: HttpRequest,
        chosen: QuerySet[Any],
        action: str,
        ask: Callable[[HttpRequest, Sequence[Any]], Asked],
    ) -> HttpResponse:
        """Run an action on the chosen rows: show its plan, or accept the change if the plan was
        confirmed."""
        return act_on_chosen(self, request, chosen, action, ask)

    def _row(self, request: HttpRequest, object_id: str) -> Any:
        return self.get_object(request, unquote(object_id))

    def _formed(self, request: HttpRequest, broker: Broker, row: Any) -> HttpResponse:
        form = self.form_of(request, broker, row)

        def show(status: int) -> HttpResponse:
            form.mark()
            found = {
                "form": form,
                "broker": broker,
                "row": row,
                "about": self.about,
                "facts": _facts(row) if row else [],
                "waits": waits(Broker.objects.filter(pk=broker.pk)),
                "list_address": self.list_address,
            }
            title = f"{'Change' if row else 'Add'} a {self.word}"
            return self._page(request, "admin/act_form.html", title, found, status)

        edge = AdminEdge(self)
        return carry_out(request, form, lambda: self.wanted(request, broker, row, form), show, edge)

    def _page(
        self,
        request: HttpRequest,
        template: str,
        title: str,
        found: dict[str, Any],
        status: int = 200,
    ) -> HttpResponse:
        context = {**AdminEdge(self).context(request), "title": title, **found}
        return render(request, template, context, status=status)


def act_on_chosen(
    model_admin: ModelAdmin[Any],
    request: HttpRequest,
    chosen: QuerySet[Any],
    action: str,
    ask: Callable[[HttpRequest, Sequence[Any]], Asked],
) -> HttpResponse:
    rows = list(chosen.select_related("broker__status")[: MOST_AT_ONCE + 1])

    def asked() -> Asked:
        if not rows:
            raise InvalidField("ids", "The selected objects no longer exist. Reload the list.")
        if len(rows) > MOST_AT_ONCE:
            raise InvalidField("ids", f"The limit is {MOST_AT_ONCE} objects. Select fewer.")
        return ask(request, rows)

    across = request.POST.get("select_across") == "1"
    named = rows[:1] if across else rows
    return confirm(
        request,
        asked,
        request.get_full_path(),
        edge=AdminEdge(model_admin),
        shown_first=request.POST.get("step") != "apply",
        hidden=[
            ("action", action),
            ("select_across", "1" if across else "0"),
            *((ACTION_CHECKBOX_NAME, str(row.pk)) for row in named),
        ],
    )


def by_broker(rows: Sequence[Any]) -> dict[Broker, list[Any]]:
    found: dict[Broker, list[Any]] = {}
    for row in rows:
        found.setdefault(row.broker, []).append(row)
    return found


def _facts(row: Any) -> list[tuple[str, Any]]:
    """Return its last observed values, column by column."""
    return [
        (str(field.verbose_name), getattr(row, field.attname))
        for field in row._meta.concrete_fields
        if not field.primary_key and not field.is_relation
    ]
