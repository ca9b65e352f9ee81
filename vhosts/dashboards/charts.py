"""A chart of a dashboard: what it shows, checked, and as it stands in a URL and in JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlencode

from accessctl import globs
from accessctl.rights import Permission
from console.errors import InvalidField
from console.models import Environment

MAX_CHARTS = 24
MAX_TITLE = 100
#: Kind -> label; names and labels of its curves; unit; whether a value holds until the next one.
KINDS: Mapping[str, tuple[str, Mapping[str, str], str, bool]] = {
    "queue_depth": ("Messages in queues", {"ready": "Ready", "unacked": "Unacked"}, "", True),
    "broker_depth": ("Messages of brokers", {"ready": "Ready", "unacked": "Unacked"}, "", True),
    "broker_rates": ("Rates of brokers", {"publish": "In", "deliver": "Out"}, "/s", False),
}
#: Names of the curves of a week before end with this.
BEFORE = "_before"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """`broker` None: all brokers, or those of `environment`. `vhost` is a pattern with stars.
    `queue` is a part of the name, or with a star a pattern of the whole name; "" is every queue."""

    kind: str = "queue_depth"
    title: str = ""
    broker: int | None = None
    environment: str = ""
    vhost: str = "*"
    queue: str = ""

    @property
    def is_of_queues(self) -> bool:
        return self.kind == "queue_depth"

    @property
    def right(self) -> Permission:
        return Permission.QUEUES_VIEW if self.is_of_queues else Permission.BROKERS_VIEW

    @property
    def label(self) -> str:
        return KINDS[self.kind][0]

    @property
    def curves(self) -> Mapping[str, str]:
        return KINDS[self.kind][1]

    @property
    def unit(self) -> str:
        return KINDS[self.kind][2]

    @property
    def is_stepped(self) -> bool:
        return KINDS[self.kind][3]

    @property
    def query(self) -> str:
        """The chart's part of the address of its figures."""
        given = {**asdict(self), "title": ""}
        return urlencode({key: value for key, value in given.items() if value not in ("", None)})

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def read_chart(given: Mapping[str, Any], field: str = "") -> Chart:
    """Return the checked chart. Raises InvalidField; its field begins with `field`."""

    def text(name: str, most: int, default: str = "") -> str:
        value = given.get(name, default)
        if not isinstance(value, str) or len(value) > most or "\0" in value:
            raise InvalidField(
                f"{field}{name}", f"{name} must be a text of at most {most} characters."
            )
        return value.strip()

    unknown = sorted(set(given) - set(Chart.__dataclass_fields__))
    if unknown:
        raise InvalidField(f"{field}{unknown[0][:40]}", "A chart has no such field.")
    kind = text("kind", 40, "queue_depth")
    if kind not in KINDS:
        raise InvalidField(f"{field}kind", f"kind must be one of {', '.join(KINDS)}.")
    environment = text("environment", 16)
    if environment and environment not in Environment.values:
        raise InvalidField(
            f"{field}environment", f"environment must be one of {', '.join(Environment.values)}."
        )
    chart = Chart(
        kind=kind,
        title=text("title", MAX_TITLE),
        broker=_broker(given.get("broker"), f"{field}broker"),
        environment=environment,
        vhost=text("vhost", 255) or globs.EVERYTHING,
        queue=text("queue", 255),
    )
    for name, pattern in (("vhost", chart.vhost), ("queue", chart.queue)):
        if fault := globs.fault(pattern):
            raise InvalidField(f"{field}{name}", fault)
    return chart


def _broker(value: Any, field: str) -> int | None:
    if value in (None, ""):
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**31:
        raise InvalidField(field, "broker must be a broker's ID.")
    return value


def read_charts(given: Any) -> list[Chart]:
    """Return the checked charts of a dashboard. Raises InvalidField."""
    if not isinstance(given, Sequence) or isinstance(given, str | bytes):
        raise InvalidField("charts", "charts must be a list.")
    if len(given) > MAX_CHARTS:
        raise InvalidField("charts", f"A dashboard has at most {MAX_CHARTS} charts.")
    charts = []
    for number, one in enumerate(given):
        if not isinstance(one, Mapping):
            raise InvalidField("charts", f"Chart {number + 1} must be an object.")
        charts.append(read_chart(one, f"charts.{number}."))
    return charts
