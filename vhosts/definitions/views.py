"""Pages of definitions: export, import as a plan, copy a virtual host."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.text import get_valid_filename
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accessctl.authorize import may, require
from accessctl.reach import reach_of
from accessctl.rights import Permission
from console.errors import ConsoleError, Stale
from console.faces.lists import read_scope
from console.kinds.registry import KINDS
from console.models import Broker
from console.reconcile.definitions.transformations import TRANSFORMATIONS
from console.scope import Scope
from vhosts.definitions.forms import CopyForm, ExportForm, ImportForm
from vhosts.definitions.import_drafts import (
    access_draft,
    apply_draft,
    make_draft,
    options_of,
    plan_again,
)
from vhosts.definitions.import_file import ImportOptions
from vhosts.definitions.read import as_of, export_definitions, export_for_copy, file_bytes
from vhosts.models import VirtualHost

_PAGE = 100
_OFFERED = 200
_CHOICES = ("prune", "replace", "force", "valid_part")


@require_safe
def definitions(request: HttpRequest) -> HttpResponse:
    require(request.user, Permission.DEFINITIONS_EXPORT)
    return _page(request, {})


@require_POST
def definitions_export(request: HttpRequest) -> HttpResponse:
    require(request.user, Permission.DEFINITIONS_EXPORT)
    form = ExportForm(request.POST, brokers=_brokers(request, Permission.DEFINITIONS_EXPORT))

    def done() -> HttpResponse:
        broker, vhost = form.chosen(), form.cleaned_data["vhost"] or None
        found = export_definitions(
            broker=broker,
            vhost=vhost,
            secrets=form.cleaned_data["secrets"],
            transformations=form.cleaned_data["transformations"],
            acting_user=request.user,
        )
        return file_response(file_bytes(found), broker.name, vhost or "", as_of(timezone.now()))

    return _tried(request, "export", form, done)


@require_POST
def definitions_import(request: HttpRequest) -> HttpResponse:
    require(request.user, Permission.DEFINITIONS_IMPORT)
    form = ImportForm(
        request.POST, request.FILES, brokers=_brokers(request, Permission.DEFINITIONS_IMPORT)
    )

    def done() -> HttpResponse:
        sent = form.cleaned_data["file"]
        draft = make_draft(
            broker=form.chosen(),
            body=sent.read(),
            title=sent.name or "definitions file",
            options=form.options(),
            acting_user=cast(User, request.user),
            now=timezone.now(),
        )
        return redirect("definitions_plan", draft.pk)

    return _tried(request, "import", form, done)


@require_POST
def definitions_copy(request: HttpRequest) -> HttpResponse:
    require(request.user, Permission.DEFINITIONS_IMPORT)
    form = CopyForm(request.POST, brokers=_brokers(request, Permission.DEFINITIONS_IMPORT))

    def done() -> HttpResponse:
        source, options = form.chosen("source"), form.options()
        body = export_for_copy(
            broker=source,
            vhost=str(options.source_vhost),
            permissions=form.cleaned_data["permissions"],
            acting_user=request.user,
        )
        draft = make_draft(
            broker=form.chosen(),
            body=body,
            title=f"{options.source_vhost} of {source.name}",
            options=options,
            acting_user=cast(User, request.user),
            now=timezone.now(),
        )
        return redirect("definitions_plan", draft.pk)

    return _tried(request, "copy", form, done)


@require_http_methods(["GET", "HEAD", "POST"])
def definitions_plan(request: HttpRequest, draft_id: UUID) -> HttpResponse:
    """Show the plan. POST `act`: *plan* compares again with other options, *apply* accepts the
    plan shown."""
    require(request.user, Permission.DEFINITIONS_IMPORT)
    draft = access_draft(request.user, draft_id)
    now, error, status = timezone.now(), "", 200
    user = cast(User, request.user)
    if request.method == "POST":
        try:
            if request.POST.get("act") == "apply":
                reason = request.POST.get("reason", "").replace("\0", "").strip()[:2000]
                change = apply_draft(draft, reason=reason, acting_user=user, now=now)
                if change is not None:
                    return redirect("change", change.pk)
                messages.info(request, "The broker already matches the file. Nothing was changed.")
            else:
                chosen: dict[str, Any] = {name: name in request.POST for name in _CHOICES}
                options = _with_remedies(replace(options_of(draft), **chosen), request)
                plan_again(draft, options=options, acting_user=user, now=now)
            return redirect("definitions_plan", draft.pk)
        except Stale as stale:
            error, status = stale.message, 412
        except ConsoleError as refused:
            error, status = refused.message, refused.http_status
    rows = [row for row in draft.plan["rows"] if _matches(row, request)]
    page = Paginator(rows, _PAGE).get_page(request.GET.get("page"))
    context = {
        "now": now,
        "scope": Scope.at(draft.broker, draft.options["vhost"]),
        "draft": draft,
        "plan": draft.plan,
        "counts": [(name, number) for name, number in draft.plan["counts"].items() if number],
        "page": page,
        "rows": [shown_row(row) for row in page],
        "asked": {name: request.GET.get(name, "") for name in ("op", "kind", "search")},
        "kinds": [
            (kind, KINDS[kind].noun) for kind in sorted({row["kind"] for row in draft.plan["rows"]})
        ],
        "states": sorted({_state(row) for row in draft.plan["rows"]}),
        "choices": draft.options,
        "error": error,
        "reason": request.POST.get("reason", ""),
        "can_apply": draft.plan["sound"] or draft.options["valid_part"],
        "has_steps": any(row["state"] == "planned" for row in draft.plan["rows"]),
    }
    return render(request, "vhosts/definitions_plan.html", context, status=status)


def _with_remedies(options: ImportOptions, request: HttpRequest) -> ImportOptions:
    """Add the transformations that the person chose among those offered, each once."""
    chosen = [one for one in request.POST.getlist("transformation") if one in TRANSFORMATIONS]
    names = dict.fromkeys([*options.transformations, *chosen])
    return replace(options, transformations=tuple(names))


def shown_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of a plan or comparison with its values as text."""
    named = zip(KINDS[row["kind"]].identity, row["key"], strict=True)
    return {
        **row,
        "word": KINDS[row["kind"]].noun,
        "parts": [(part, value) for part, value in named if part != "arguments" or value != "{}"],
        "shown": _state(row),
        "lines": [
            (one["name"], text_of(one["before"]), text_of(one["after"]), one["secret"])
            for one in row["fields"]
        ],
    }


def text_of(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def file_response(content: bytes, *name: str) -> HttpResponse:
    """Return a download that no cache stores."""
    response = HttpResponse(content, content_type="application/json")
    named = get_valid_filename("-".join(part.strip() for part in name if part.strip()))
    plain = "".join(c for c in named if c.isascii()) or "definitions"
    response["Content-Disposition"] = f'attachment; filename="definitions-{plain}.json"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _state(row: Mapping[str, Any]) -> str:
    return str(row["op"] if row["state"] == "planned" else row["state"])


def _matches(row: Mapping[str, Any], request: HttpRequest) -> bool:
    op, kind, text = (request.GET.get(name, "") for name in ("op", "kind", "search"))
    if op and _state(row) != op:
        return False
    if kind and row["kind"] != kind:
        return False
    return not text or text.lower() in " ".join(row["key"]).lower()


def _brokers(request: HttpRequest, permission: Permission) -> list[Broker]:
    brokers = Broker.objects.visible_to(request.user)
    return list(brokers.filter(reach_of(request.user).brokers(permission)).order_by("name"))


def _tried(
    request: HttpRequest, name: str, form: Any, done: Callable[[], HttpResponse]
) -> HttpResponse:
    """Return `done()` for a valid form. An error is shown at the form, with all input kept."""
    status = 400
    if form.is_valid():
        try:
            return done()
        except ConsoleError as error:
            form.refuse(error)
            status = error.http_status
    return _page(request, {name: form}, status)


def _page(request: HttpRequest, bound: Mapping[str, Any], status: int = 200) -> HttpResponse:
    scope, problems = read_scope(request)
    exporting = _brokers(request, Permission.DEFINITIONS_EXPORT)
    importing = _brokers(request, Permission.DEFINITIONS_IMPORT)
    initial: dict[str, Any] = {"vhost": scope.vhost or "", "source_vhost": scope.vhost or ""}
    if scope.broker:
        initial |= {"broker": str(scope.broker.pk), "source": str(scope.broker.pk)}
    context = {
        "now": timezone.now(),
        "scope": scope,
        "problems": problems,
        "export": bound.get("export") or ExportForm(brokers=exporting, initial=initial),
        "import": bound.get("import") or ImportForm(brokers=importing, initial=initial),
        "copy": bound.get("copy") or CopyForm(brokers=importing, initial=initial),
        "may_import": bool(importing),
        "has_brokers": bool(exporting),
        "may_secrets": may(request.user, Permission.HASHES_EXPORT),
        "failed": next(iter(bound.values()), None),
        "vhosts": VirtualHost.objects.visible_to(request.user)
        .order_by("name")
        .values_list("name", flat=True)
        .distinct()[:_OFFERED],
    }
    return render(request, "vhosts/definitions.html", context, status=status)
