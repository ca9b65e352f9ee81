"""Pages of backups: list, compare two, download, schedule."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accessctl.authorize import access_broker, may, require
from accessctl.rights import Permission
from console.errors import ConsoleError, InvalidField
from console.faces.lists import read_scope
from console.scope import Scope
from vhosts.definitions import backups as service
from vhosts.definitions.views import file_response, shown_row
from vhosts.models import Backup, BackupSchedule

_PAGE = 50
_COMPARED = 500


@require_safe
def backups(request: HttpRequest) -> HttpResponse:
    require(request.user, Permission.DEFINITIONS_EXPORT)
    scope, problems = read_scope(request)
    visible = Backup.objects.visible_to(request.user).filter(broker__in=scope.brokers(request.user))
    found = visible.select_related("broker").defer("content_encrypted")
    context = {
        "now": timezone.now(),
        "scope": scope,
        "problems": problems,
        "page": Paginator(found, _PAGE).get_page(request.GET.get("page")),
        "may_secrets": may(request.user, Permission.HASHES_EXPORT, scope.broker)
        if scope.broker
        else may(request.user, Permission.HASHES_EXPORT),
        "may_take": scope.broker is not None
        and may(request.user, Permission.DEFINITIONS_EXPORT, scope.broker),
        "may_plan": scope.broker is not None
        and may(request.user, Permission.BROKERS_EDIT, scope.broker),
        "schedule": BackupSchedule.objects.filter(broker=scope.broker).first()
        if scope.broker
        else None,
        "usual_hours": settings.BACKUP_HOURS,
        "keep_days": settings.KEEP_BACKUPS_DAYS,
    }
    return render(request, "vhosts/definitions_backups.html", context)


@require_POST
def backup_take(request: HttpRequest, broker_id: int) -> HttpResponse:
    broker = access_broker(request.user, broker_id, Permission.DEFINITIONS_EXPORT)
    now = timezone.now()
    try:
        taken = service.take_backup(broker, now=now, origin="page", acting_user=request.user)
    except ConsoleError as error:
        messages.error(request, error.message)
    else:
        if taken.taken_at == now:
            messages.success(request, f"{broker.name} is backed up: {taken.objects_count} objects.")
        else:
            messages.info(request, f"{broker.name} is as the newest backup has it.")
    return redirect(f"{reverse('backups')}?broker={broker.pk}")


@require_POST
def backup_schedule(request: HttpRequest, broker_id: int) -> HttpResponse:
    broker = access_broker(request.user, broker_id, Permission.BROKERS_EDIT)
    text = request.POST.get("every_hours", "").strip()
    try:
        if text and not (text.isascii() and text.isdecimal() and len(text) <= 6):
            raise InvalidField("every_hours", "Enter an interval from 0 (never) to 8760 hours.")
        hours = int(text) if text else None
        service.set_schedule(broker, hours, now=timezone.now(), acting_user=request.user)
    except ConsoleError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, f"The schedule of {broker.name} is saved.")
    return redirect(f"{reverse('backups')}?broker={broker.pk}")


@require_POST
def backup_download(request: HttpRequest, backup_id: int) -> HttpResponse:
    found = service.access_backup(request.user, backup_id)
    secrets = request.POST.get("secrets") == "1"
    content = service.download_backup(found, secrets=secrets, acting_user=request.user)
    return file_response(content, found.broker.name, f"{found.taken_at:%Y-%m-%dT%H%MZ}")


@require_safe
def backup_compare(request: HttpRequest) -> HttpResponse:
    """Compare two backups (`?older=ID&newer=ID`), or one with the broker's current state (no
    `newer`)."""
    require(request.user, Permission.DEFINITIONS_EXPORT)
    if "older" not in request.GET:
        return redirect("backups")
    older = service.access_backup(request.user, _id(request, "older"))
    newer = (
        service.access_backup(request.user, _id(request, "newer"))
        if request.GET.get("newer")
        else None
    )
    if newer is not None and newer.taken_at < older.taken_at:
        older, newer = newer, older
    compared, error, status = None, "", 200
    try:
        compared = service.compare_backups(older, newer, acting_user=request.user)
    except ConsoleError as refused:
        error, status = refused.message, refused.http_status
    rows = [row.as_json() for row in compared.rows] if compared else []
    context = {
        "now": timezone.now(),
        "scope": Scope.at(older.broker),
        "older": older,
        "newer": newer,
        "error": error,
        "counts": [(k, n) for k, n in compared.counts().items() if n] if compared else [],
        "rows": [shown_row(row) for row in rows[:_COMPARED]],
        "left_out": max(0, len(rows) - _COMPARED),
        "unreadable": compared.left_out if compared else (),
    }
    return render(request, "vhosts/definitions_compare.html", context, status=status)


def _id(request: HttpRequest, name: str) -> int:
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else 0
