"""The chart of a queue's rates: its data, table and CSV."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accessctl.rights import Permission
from console.errors import InvalidField
from console.faces.lists import Column, stream_csv
from vhosts.authorize import access_queue
from vhosts.history.ranges import TimeRange, read_range
from vhosts.history.rate_rollups import KINDS
from vhosts.history.read_rates import RateSeries, rate_series

RATE_COLUMNS = [
    Column(key="at", label="Time", value=lambda p: p.at),
    Column(key="publish", label="Publish/s", value=lambda p: p.publish),
    Column(key="publish_max", label="Max publish/s", value=lambda p: p.publish_max),
    Column(key="deliver", label="Deliver/s", value=lambda p: p.deliver),
    Column(key="deliver_max", label="Max deliver/s", value=lambda p: p.deliver_max),
    Column(key="ack", label="Ack/s", value=lambda p: p.ack),
    Column(key="ack_max", label="Max ack/s", value=lambda p: p.ack_max),
    Column(key="redeliver", label="Redeliver/s", value=lambda p: p.redeliver),
    Column(key="redeliver_max", label="Max redeliver/s", value=lambda p: p.redeliver_max),
    Column(key="get", label="Get/s", value=lambda p: p.get),
    Column(key="get_max", label="Max get/s", value=lambda p: p.get_max),
]


def _read(request: HttpRequest, queue_id: int) -> tuple[TimeRange, RateSeries]:
    now = timezone.now()
    found = access_queue(request.user, queue_id, Permission.QUEUES_VIEW)
    shown = read_range(request.GET, now=now)
    return shown, rate_series(found, start=shown.start, end=shown.end, now=now)


@require_safe
def queue_rates(request: HttpRequest, queue_id: int) -> JsonResponse:
    """Return the chart's data in columns: `at` in Unix seconds, rates in messages a second; null
    where a value is unknown."""
    try:
        shown, read = _read(request, queue_id)
    except InvalidField as error:
        return JsonResponse({"field": error.field, "message": error.message}, status=400)
    return JsonResponse(
        {
            "from": int(shown.start.timestamp()),
            "to": int(shown.end.timestamp()),
            "step_s": read.step_s,
            "source": read.source,
            "at": [int(point.at.timestamp()) for point in read.points],
            **{kind: [getattr(point, kind) for point in read.points] for kind in KINDS},
        }
    )


@require_safe
def queue_rates_table(request: HttpRequest, queue_id: int) -> HttpResponse:
    """Show the same data as a table, newest first."""
    try:
        _, read = _read(request, queue_id)
    except InvalidField as error:
        return HttpResponse(error.message, status=400, content_type="text/plain; charset=utf-8")
    context = {"step_s": read.step_s, "points": read.points[::-1]}
    return render(request, "vhosts/_queue_rates_table.html", context)


@require_safe
def queue_rates_csv(request: HttpRequest, queue_id: int) -> HttpResponseBase:
    try:
        _, read = _read(request, queue_id)
    except InvalidField as error:
        return HttpResponse(error.message, status=400, content_type="text/plain; charset=utf-8")
    return stream_csv(f"queue-{queue_id}-rates.csv", RATE_COLUMNS, read.points)
