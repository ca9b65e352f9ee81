"""The form of a dashboard: its name, and a row of controls for each chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from console.errors import InvalidField
from vhosts.dashboards.charts import MAX_CHARTS, Chart, read_chart

_FIELDS = ("kind", "title", "broker", "environment", "vhost", "queue")


@dataclass(slots=True)
class Row:
    """A chart as typed, with what is wrong with it."""

    values: dict[str, str]
    errors: list[str] = field(default_factory=list)


@dataclass(slots=True)
class DashboardForm:
    name: str = ""
    listed: bool = False
    generation: str = ""
    rows: list[Row] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def is_valid(self) -> bool:
        return not self.errors and not any(row.errors for row in self.rows)


def form_of(
    name: str, listed: bool, generation: int | None, charts: Sequence[Chart]
) -> DashboardForm:
    rows = [Row(_typed(chart)) for chart in charts]
    return DashboardForm(
        name, listed, "" if generation is None else str(generation), rows, list(charts)
    )


def blank_row() -> Row:
    return Row(_typed(Chart()))


def _typed(chart: Chart) -> dict[str, str]:
    values: dict[str, Any] = chart.as_json()
    return {key: "" if values[key] is None else str(values[key]) for key in _FIELDS}


def read_form(sent: QueryDict) -> DashboardForm:
    """Return the form as it was sent, its rows in the order of their numbers, without those to be
    removed. Never raises: what is wrong is in `errors`."""
    count = _number(sent.get("rows", ""), 0)
    form = DashboardForm(
        sent.get("name", "")[:200], sent.get("listed") == "1", sent.get("generation", "")[:12]
    )
    if count > MAX_CHARTS + 1:
        form.errors.append(f"A dashboard has at most {MAX_CHARTS} charts.")
    places = []
    for number in range(min(count, MAX_CHARTS + 1)):
        if sent.get(f"{number}-remove") == "1":
            continue
        values = {key: sent.get(f"{number}-{key}", "")[:1000] for key in _FIELDS}
        places.append((_number(sent.get(f"{number}-place", ""), number + 1), number, Row(values)))
    for _, _, row in sorted(places, key=lambda one: one[:2]):
        form.rows.append(row)
        try:
            form.charts.append(read_chart(row.values))
        except InvalidField as error:
            row.errors.append(error.message)
    return form


def _number(text: str, default: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else default
