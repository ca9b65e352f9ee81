"""Pages of dashboards: list, one with its charts, form with preview, deletion; figures of a chart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple, cast
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accessctl.authorize import may, require
from accessctl.rights import Permission
from console.errors import ConsoleError, InvalidField
from console.faces.lists import Column, stream_csv
from console.models import Broker, Environment
from vhosts.dashboards import service
from vhosts.dashboards.charts import BEFORE, KINDS, Chart, read_chart, read_charts
from vhosts.dashboards.figures import Figures, figures
from vhosts.dashboards.form import DashboardForm, blank_row, form_of, read_form
from vhosts.history.grid import moment
from vhosts.history.ranges import RANGES, TimeRange, read_range

_PAGE = 100
_CHART_FIELDS = tuple(Chart.__dataclass_fields__)


class Shown(NamedTuple):
    """A chart on a page. `series`, `labels`: as data attributes of static/js/chart.js. `note`: why
    the viewer sees nothing of it."""

    chart: Chart
    place: str
    query: str
    series: str
    labels: str
    note: str


@require_safe
def dashboards(request: HttpRequest) -> HttpResponse:
    require(request.user, Permission.BROKERS_VIEW)
    found = service.found_by(request.user)
    context = {
        "now": timezone.now(),
        "page": Paginator(found, _PAGE).get_page(request.GET.get("page")),
        "may_add": may(request.user, Permission.DASHBOARDS_EDIT),
    }
    return render(request, "vhosts/dashboards.html", context)


@require_safe
def dashboard(request: HttpRequest, dashboard_id: UUID) -> HttpResponse:
    require(request.user, Permission.BROKERS_VIEW)
    found = service.access_dashboard(dashboard_id)
    shown, compare, problems = _range(request)
    context = {
        "dashboard": found,
        "charts": _shown(request, read_charts(found.charts), shown, compare),
        "may_edit": service.may_edit(request.user, found),
        "problems": problems,
        **_range_context(shown, compare),
    }
    return render(request, "vhosts/dashboard.html", context, status=400 if problems else 200)


def _range(request: HttpRequest) -> tuple[TimeRange, bool, list[InvalidField]]:
    now = timezone.now()
    compare = request.GET.get("compare") == "1"
    try:
        return read_range(request.GET, now=now), compare, []
    except InvalidField as error:
        return read_range({}, now=now), compare, [error]


def _range_context(shown: TimeRange, compare: bool) -> dict[str, Any]:
    return {
        "range": shown,
        "ranges": [(key, label, key == shown.name) for key, (label, _) in RANGES.items()],
        "compare": compare,
    }


def _shown(
    request: HttpRequest, charts: Sequence[Chart], shown: TimeRange, compare: bool
) -> list[Shown]:
    """Return the charts for the page. One query for the names of brokers."""
    wanted = {chart.broker for chart in charts if chart.broker is not None}
    visible = Broker.objects.visible_to(request.user).filter(pk__in=wanted)
    names = dict(visible.values_list("pk", "name")) if wanted else {}
    when = urlencode({**shown.parameters(), **({"compare": "1"} if compare else {})})
    found = []
    for chart in charts:
        curves = dict(chart.curves)
        if compare:
            curves |= {
                f"{name}{BEFORE}": f"{text}, a week ago" for name, text in chart.curves.items()
            }
        note = ""
        if not may(request.user, chart.right):
            note = f"You aren't allowed to see this chart (requires {chart.right})."
        elif chart.broker is not None and chart.broker not in names:
            note = "There is no such broker, or you can't see it."
        found.append(
            Shown(
                chart, _place(chart, names), f"?{chart.query}&{when}", " ".join(curves),
                "|".join(curves.values()), note,
            )
        )  # fmt: skip
    return found


def _place(chart: Chart, names: dict[int, str]) -> str:
    """Return what a chart is of, in words."""
    if chart.broker is not None:
        words = [names.get(chart.broker, "a broker")]
    elif chart.environment:
        words = [f"brokers in {chart.environment}"]
    else:
        words = ["all brokers"]
    if chart.is_of_queues:
        if chart.vhost.strip("*"):
            words.append(f"virtual host {chart.vhost}")
        words.append(f"queues {chart.queue}" if chart.queue else "all queues")
    return ", ".join(words)


@require_http_methods(["GET", "HEAD", "POST"])
def dashboard_new(request: HttpRequest) -> HttpResponse:
    require(request.user, Permission.DASHBOARDS_EDIT)
    if request.method != "POST":
        return _form_page(request, form_of("", False, None, [Chart()]))
    form = read_form(request.POST)
    if not _saves(request) or not form.is_valid:
        return _form_page(request, form)
    try:
        made = service.create_dashboard(
            cast(User, request.user), form.name, form.charts, listed=form.listed, now=timezone.now()
        )
    except InvalidField as error:
        form.errors.append(error.message)
        return _form_page(request, form)
    messages.success(request, f"Dashboard {made.name} created.")
    return redirect("dashboard", made.pk)


@require_http_methods(["GET", "HEAD", "POST"])
def dashboard_edit(request: HttpRequest, dashboard_id: UUID) -> HttpResponse:
    require(request.user, Permission.DASHBOARDS_EDIT)
    found = service.access_dashboard(dashboard_id)
    service.require_edit(request.user, found)
    if request.method != "POST":
        form = form_of(found.name, found.listed, found.generation, read_charts(found.charts))
        return _form_page(request, form, found)
    form = read_form(request.POST)
    if not _saves(request) or not form.is_valid:
        return _form_page(request, form, found)
    try:
        service.edit_dashboard(
            cast(User, request.user), found.pk, form.name, form.charts, listed=form.listed,
            expected_generation=int(form.generation) if form.generation.isdecimal() else None,
            now=timezone.now(),
        )  # fmt: skip
    except ConsoleError as error:
        form.errors.append(error.message)
        return _form_page(request, form, found)
    messages.success(request, f"Dashboard {form.name} saved.")
    return redirect("dashboard", found.pk)


def _saves(request: HttpRequest) -> bool:
    return not {"add", "preview"} & set(request.POST)


def _form_page(request: HttpRequest, form: DashboardForm, found: Any = None) -> HttpResponse:
    if "add" in request.POST:
        form.rows.append(blank_row())
    shown, compare, _ = _range(request)
    brokers = Broker.objects.visible_to(request.user).values_list("pk", "name").order_by("name")
    context = {
        "form": form,
        "dashboard": found,
        "kinds": [(key, label) for key, (label, *_) in KINDS.items()],
        "brokers": [(str(pk), name) for pk, name in brokers],
        "environments": Environment.choices,
        "charts": _shown(request, form.charts, shown, compare) if "preview" in request.POST else [],
        **_range_context(shown, compare),
    }
    bad = request.method == "POST" and not form.is_valid
    return render(request, "vhosts/dashboard_form.html", context, status=400 if bad else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def dashboard_delete(request: HttpRequest, dashboard_id: UUID) -> HttpResponse:
    require(request.user, Permission.DASHBOARDS_EDIT)
    found = service.access_dashboard(dashboard_id)
    service.require_edit(request.user, found)
    if request.method != "POST":
        return render(request, "vhosts/dashboard_delete.html", {"dashboard": found})
    service.delete_dashboard(cast(User, request.user), found.pk)
    messages.success(request, f"Dashboard {found.name} deleted.")
    return redirect("dashboards")


def _figures(request: HttpRequest) -> tuple[Chart, Figures]:
    given = {key: request.GET[key] for key in _CHART_FIELDS if key in request.GET}
    chart = read_chart(given)
    require(request.user, chart.right)
    now = timezone.now()
    shown = read_range(request.GET, now=now)
    compare = request.GET.get("compare") == "1"
    return chart, figures(
        request.user, chart, start=shown.start, end=shown.end, compare=compare, now=now
    )


@require_safe
def chart_figures(request: HttpRequest) -> JsonResponse:
    """Return a chart's data by column: `at` in Unix seconds; null if unknown; `notes` say what is
    left out."""
    require(request.user, Permission.BROKERS_VIEW)
    try:
        _, read = _figures(request)
    except InvalidField as error:
        return JsonResponse({"field": error.field, "message": error.message}, status=400)
    return JsonResponse({
        "from": read.begin, "to": read.stop, "at": read.at, "notes": list(read.notes), **read.columns,
    })  # fmt: skip


@require_safe
def chart_csv(request: HttpRequest) -> HttpResponseBase:
    require(request.user, Permission.BROKERS_VIEW)
    try:
        _, read = _figures(request)
    except InvalidField as error:
        return HttpResponse(error.message, status=400, content_type="text/plain; charset=utf-8")
    columns = [
        Column(key=name, label=name, value=itemgetter(place))
        for place, name in enumerate(["at", *read.columns])
    ]
    rows = [(moment(at), *values) for at, *values in _rows(read)]
    return stream_csv("chart.csv", columns, rows)


@require_safe
def chart_table(request: HttpRequest) -> HttpResponse:
    """Return the figures as a table, the newest first."""
    require(request.user, Permission.BROKERS_VIEW)
    try:
        chart, read = _figures(request)
    except InvalidField as error:
        return HttpResponse(error.message, status=400, content_type="text/plain; charset=utf-8")
    labels = [
        f"{chart.curves[name.removesuffix(BEFORE)]}{', a week ago' if name.endswith(BEFORE) else ''}"
        for name in read.columns
    ]
    rows = [(moment(at), zip(labels, values, strict=True)) for at, *values in _rows(read)]
    context = {
        "labels": labels, "rows": rows[::-1], "step_s": read.step_s, "unit": chart.unit,
        "notes": read.notes,
    }  # fmt: skip
    return render(request, "vhosts/_chart_table.html", context)


def _rows(read: Figures) -> Iterable[tuple[Any, ...]]:
    return list(zip(read.at, *read.columns.values(), strict=True))
