"""The text of a message: plain, and harmless in HTML, Markdown and chat, whatever a broker's names hold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from console.faces.pages.words import counted
from console.rabbitmq.text import printable
from vhosts.alerts.tables.choices import EventKind, Severity
from vhosts.alerts.tables.incidents import AlertEvent, AlertIncident

#: The most alerts that a message names; the rest is counted.
_NAMED = 10
_LONGEST_NAME = 120
_LONGEST_TITLE = 200
#: Chat services read these as mentions of people, links or markup.
_MENTION = re.compile(r"@(?=(?:here|everyone|channel|all|room)\b)", re.IGNORECASE)
_HARMLESS = str.maketrans(
    {"<": "‹", ">": "›", "[": "［", "]": "］", "`": "ʼ", "*": "∗", "|": "¦", "~": "∼"}
)

#: Events of the conversation about what can't be seen on a broker, whatever the rules.
ABOUT_SIGHT = frozenset({EventKind.NO_DATA, EventKind.DATA_BACK})


@dataclass(frozen=True, slots=True)
class Digest:
    """What a message is about: what happened to the alerts of one rule on one broker, or to those that
    can't be seen there. `firing` is how many fire now, or can't be seen. `broker` is "" for alerts of the console itself."""

    rule: str
    severity: str
    broker: str
    firing: int
    events: Sequence[AlertEvent] = field(default_factory=list)

    @property
    def type(self) -> str:
        if self.ends:
            return "success"
        types = {str(Severity.CRITICAL): "failure", str(Severity.WARNING): "warning"}
        return types.get(self.severity, "info")

    @property
    def ends(self) -> bool:
        return self.firing == 0


def safe(text: str, limit: int = _LONGEST_NAME) -> str:
    """Return a name for a message: on one line, printable, and without markup, links and mentions."""
    shown = printable(text, limit).translate(_HARMLESS).replace("://", ":⁄⁄")
    return _MENTION.sub("＠", shown)


def title_of(digest: Digest) -> str:
    """Return one line, such as “Critical: No consumers – 312 alerts on production”."""
    where = f" on {safe(digest.broker)}" if digest.broker else ""
    incidents = list({event.incident_id: event.incident for event in digest.events}.values())
    kinds = {event.kind for event in digest.events}
    word = Severity(digest.severity).label
    if kinds <= ABOUT_SIGHT:
        if digest.ends:
            return _cut(f"Data is back: alerts{where} are evaluated again")
        return _cut(f"No data: {counted(digest.firing, 'alert')}{where} can't be evaluated")
    if kinds == {EventKind.RESOLVED}:
        what = _subject(incidents[0]) if len(incidents) == 1 else counted(len(incidents), "alert")
        left = f", {digest.firing:,} still firing" if digest.firing else ""
        return _cut(f"Resolved: {safe(digest.rule)} – {what}{where}{left}")
    if kinds == {EventKind.REMINDED}:
        word = f"Still firing, {word.lower()}"
    fired = [
        one
        for one in incidents
        if any(e.incident_id == one.pk and e.kind != EventKind.RESOLVED for e in digest.events)
    ]
    what = _subject(fired[0]) if len(fired) == 1 else counted(len(fired), "alert")
    return _cut(f"{word}: {safe(digest.rule)} – {what}{where}")


def body_of(digest: Digest) -> str:
    """Return the message without its links: lines that name what fired, what resolved, and what is left."""
    parts: list[str] = []
    for kind in EventKind:
        events = [event for event in digest.events if event.kind == kind]
        if not events:
            continue
        parts.append(f"{EventKind(kind).label} ({len(events):,}):")
        parts += [f"- {_line(event)}" for event in events[:_NAMED]]
        if len(events) > _NAMED:
            parts.append(f"- and {len(events) - _NAMED:,} more")
    parts.append(_left(digest))
    return "\n".join(parts)


def _left(digest: Digest) -> str:
    now = counted(digest.firing, "alert")
    if all(event.kind in ABOUT_SIGHT for event in digest.events):
        return "All are evaluated again." if digest.ends else f"Without data now: {now} here."
    if digest.ends:
        return "Nothing of this rule fires here any more."
    return f"Firing now: {now} of this rule here."


def with_links(body: str, *, page: str, link: str, description: str = "") -> str:
    """Return the body as it is sent to one channel."""
    lines = [body]
    if description:
        lines += ["", safe(description, 500)]
    lines += ["", f"Alerts: {page}"]
    if link:
        lines.append(f"Acknowledge: {link}")
    return "\n".join(lines)


def _line(event: AlertEvent) -> str:
    incident = event.incident
    said = safe(event.text or incident.detail, 300)
    owner = f" Owner: {safe(incident.owner.name, 60)}." if incident.owner else ""
    if event.kind == EventKind.RESOLVED and incident.fired_at:
        return f"{_subject(incident)}, after {_span(event.at - incident.fired_at)}"
    since = f" Since {_clock(incident.since)}." if event.kind != EventKind.RESOLVED else ""
    return f"{_subject(incident)}{': ' + said if said else ''}{since}{owner}"


def _subject(incident: AlertIncident) -> str:
    name = safe(incident.name)
    vhost = safe(incident.vhost, 60)
    if incident.subject_kind == "queue" or incident.subject_kind == "exchange":
        return f"{name or '(default exchange)'} in {vhost}"
    return name or vhost or incident.get_subject_kind_display().lower()


def _clock(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _span(time: timedelta) -> str:
    minutes = round(time.total_seconds() / 60)
    if minutes < 1:
        return f"{max(0, round(time.total_seconds()))} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_TITLE else text[: _LONGEST_TITLE - 1] + "…"
