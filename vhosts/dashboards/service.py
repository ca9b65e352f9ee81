"""Find and change dashboards. Each change has its entry in the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import Http404

from accessctl.authorize import AnyUser, may, may_over, refusal, require
from accessctl.reach import Place
from accessctl.rights import Permission
from console.audit import record
from console.errors import InvalidField, Stale
from vhosts.dashboards.charts import Chart
from vhosts.dashboards.model import MAX_NAME, Dashboard

_EDIT = Permission.DASHBOARDS_EDIT


def found_by(user: AnyUser) -> QuerySet[Dashboard]:
    """Return the dashboards in the user's list: their own, and those that everybody finds."""
    return Dashboard.objects.filter(Q(owner=user.pk) | Q(listed=True))


def access_dashboard(dashboard_id: UUID, *, lock: bool = False) -> Dashboard:
    """Return the dashboard, which its address is enough to open. Raises Http404."""
    found = Dashboard.objects.all()
    if lock:
        found = found.select_for_update()
    dashboard = found.filter(pk=dashboard_id).first()
    if dashboard is None:
        raise Http404("Dashboard not found.")
    return dashboard


def may_edit(user: AnyUser, dashboard: Dashboard) -> bool:
    """Return whether the user may edit it: its owner may, and whoever has the right on all
    brokers."""
    if dashboard.owner_id is not None and dashboard.owner_id == user.pk:
        return may(user, _EDIT)
    return may_over(user, _EDIT, Place())


def require_edit(user: AnyUser, dashboard: Dashboard) -> None:
    if not may_edit(user, dashboard):
        raise refusal(user, _EDIT)


def create_dashboard(
    user: User, name: str, charts: Sequence[Chart], *, listed: bool, now: datetime
) -> Dashboard:
    """Return the new dashboard of this user. Raises NotAllowed, InvalidField."""
    require(user, _EDIT)
    with transaction.atomic():
        dashboard = Dashboard.objects.create(
            name=_checked(name), owner=user, owner_name=user.get_username(), listed=listed,
            charts=[chart.as_json() for chart in charts], created_at=now, updated_at=now,
        )  # fmt: skip
        _record("create", dashboard, user, None, _told(dashboard))
    return dashboard


def edit_dashboard(
    user: User,
    dashboard_id: UUID,
    name: str,
    charts: Sequence[Chart],
    *,
    listed: bool,
    expected_generation: int | None,
    now: datetime,
) -> Dashboard:
    """Return the edited dashboard. Raises Http404, NotAllowed, InvalidField, Stale."""
    with transaction.atomic():
        dashboard = access_dashboard(dashboard_id, lock=True)
        require_edit(user, dashboard)
        if expected_generation is not None and expected_generation != dashboard.generation:
            raise Stale(f"The dashboard “{dashboard.name}” was edited meanwhile. Open it again.")
        before = _told(dashboard)
        dashboard.name, dashboard.listed = _checked(name), listed
        dashboard.charts = [chart.as_json() for chart in charts]
        dashboard.generation += 1
        dashboard.updated_at = now
        dashboard.save()
        _record("update", dashboard, user, before, _told(dashboard))
    return dashboard


def delete_dashboard(user: User, dashboard_id: UUID) -> Dashboard:
    """Delete it. Raises Http404, NotAllowed."""
    with transaction.atomic():
        dashboard = access_dashboard(dashboard_id, lock=True)
        require_edit(user, dashboard)
        _record("delete", dashboard, user, _told(dashboard), None)
        Dashboard.objects.filter(pk=dashboard.pk).delete()
    return dashboard


def _checked(name: str) -> str:
    name = name.strip()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise InvalidField("name", f"Enter a name of 1 to {MAX_NAME} printable characters.")
    return name


def _told(dashboard: Dashboard) -> dict[str, object]:
    return {"name": dashboard.name, "listed": dashboard.listed, "charts": dashboard.charts}


def _record(
    verb: str,
    dashboard: Dashboard,
    user: User,
    before: dict[str, object] | None,
    after: dict[str, object] | None,
) -> None:
    record(
        f"dashboards:{verb}", target_kind="dashboard", target=dashboard.name, acting_user=user,
        before=before, after=after,
    )  # fmt: skip
