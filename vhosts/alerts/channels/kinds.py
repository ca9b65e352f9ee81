"""The kinds of channel: their fields, and the Apprise URL and description that fields make."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode, urlsplit

from console.errors import InvalidField
from console.rabbitmq.network.addresses import BadAddress, check_host
from vhosts.alerts.channels.model import ChannelKind
from vhosts.alerts.channels.services import BadChannel, check_address

_MAIL = re.compile(r"[^\s@,;<>\"]{1,64}@[^\s@,;<>\"]{1,255}")
_KEY = re.compile(r"[A-Za-z0-9_-]{8,128}", re.ASCII)
_SLACK = re.compile(r"https://hooks\.slack\.com/services/([A-Z0-9]{1,20})/([A-Z0-9]{1,20})/([A-Za-z0-9]{1,40})/?", re.ASCII)  # fmt: skip
_PORTS = {"starttls": 587, "ssl": 465, "none": 25}


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a kind's form. `secret`: typed as a password and never shown again."""

    name: str
    label: str
    help: str
    secret: bool = False
    required: bool = True
    choices: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """What fields make: the Apprise URL (a secret) and a description without secrets."""

    url: str
    about: str


@dataclass(frozen=True, slots=True)
class Kind:
    fields: tuple[Field, ...]
    make: Callable[[Mapping[str, str]], Made]


def make_address(kind: str, values: Mapping[str, str]) -> Made:
    """Return the address of a channel. Raises InvalidField."""
    if kind not in KINDS:
        raise InvalidField("kind", f"The kind must be one of {', '.join(KINDS)}.")
    spec = KINDS[kind]
    given = {field.name: (values.get(field.name) or "").strip() for field in spec.fields}
    for field in spec.fields:
        if field.required and not given[field.name]:
            raise InvalidField(field.name, f"Enter a value for “{field.label}”.")
        if field.choices and given[field.name] and given[field.name] not in field.choices:
            raise InvalidField(field.name, f"Select one of {', '.join(field.choices)}.")
    made = spec.make(given)
    try:
        check_address(made.url)
    except BadChannel as error:
        raise InvalidField(spec.fields[0].name, str(error)) from None
    return made


def _email(given: Mapping[str, str]) -> Made:
    host = given["smtp_host"]
    _check_host("smtp_host", host)
    security = given["security"] or "starttls"
    port = _port(given["smtp_port"]) or _PORTS[security]
    to = [one for one in re.split(r"[\s,;]+", given["to"]) if one]
    for one in (given["sender"], *to):
        if not _MAIL.fullmatch(one):
            raise InvalidField(
                "to" if one in to else "sender", "Enter e-mail addresses such as ops@example.org."
            )
    query = {
        "smtp": host,
        "from": given["sender"],
        "to": ",".join(to),
        "mode": "insecure" if security == "none" else security,
    }
    if given["username"]:
        query["user"] = given["username"]
        query["pass"] = given["password"]
    scheme = "mailto" if security == "none" else "mailtos"
    shown_host = f"[{host}]" if ":" in host else host
    url = f"{scheme}://{shown_host}:{port}?{urlencode(query, quote_via=quote)}"
    return Made(url, f"{', '.join(to)} through {host}:{port}"[:300])


def _slack(given: Mapping[str, str]) -> Made:
    found = _SLACK.fullmatch(given["webhook"])
    if not found:
        raise InvalidField(
            "webhook",
            "Enter the whole address of an incoming webhook: https://hooks.slack.com/services/T…/B…/…",
        )
    channel = given["channel"].lstrip("#")
    if channel and not re.fullmatch(r"[\w.-]{1,80}", channel):
        raise InvalidField("channel", "Enter the name of a channel, such as #oncall.")
    target = f"/%23{quote(channel)}" if channel else ""
    return Made(
        f"slack://{found[1]}/{found[2]}/{found[3]}{target}?image=no",
        f"#{channel}" if channel else "the webhook’s channel",
    )


def _teams(given: Mapping[str, str]) -> Made:
    parts = urlsplit(given["webhook"])
    host = parts.hostname or ""
    found = re.fullmatch(
        r"(?:/powerautomate/automations/direct)?/workflows/([A-Za-z0-9]{1,64})/triggers/manual/paths/invoke/?",
        parts.path,
    )
    signature = re.search(r"(?:^|&)sig=([A-Za-z0-9%_.-]{8,200})(?:&|$)", parts.query)
    if parts.scheme != "https" or not host or not found or not signature:
        raise InvalidField(
            "webhook",
            "Enter the whole HTTPS address that the Teams workflow “When a webhook request is received” shows.",
        )
    _check_host("webhook", host)
    powerautomate = "&powerautomate=yes" if parts.path.startswith("/powerautomate") else ""
    port = f":{parts.port}" if parts.port else ""
    return Made(
        f"workflows://{host}{port}/{found[1]}/{signature[1]}/?image=no{powerautomate}",
        f"the workflow at {host}",
    )


def _pagerduty(given: Mapping[str, str]) -> Made:
    key = _key("key", given["key"])
    region = given["region"] or "us"
    # Apprise asks for an API key as well, but the Events API v2 needs the integration key only.
    return Made(
        f"pagerduty://{key}@events/Warren/rabbitmq?action=map&region={region}&image=no",
        f"Events API v2, {region.upper()}",
    )


def _opsgenie(given: Mapping[str, str]) -> Made:
    region = given["region"] or "us"
    return Made(
        f"opsgenie://{_key('key', given['key'])}/?region={region}&action=map",
        f"Alert API, {region.upper()}",
    )


def _webhook(given: Mapping[str, str]) -> Made:
    try:
        parts = urlsplit(given["url"])
        port = parts.port
    except ValueError:
        raise InvalidField("url", "The host or port in the address can't be read.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidField("url", "The address must begin with http:// or https://.")
    if parts.username or parts.password or parts.fragment:
        raise InvalidField(
            "url",
            "Leave user, password and # out of the address. Use the header for authentication.",
        )
    _check_host("url", parts.hostname)
    headers = {}
    if given["header"]:
        name, separator, value = given["header"].partition(":")
        if (
            not separator
            or not re.fullmatch(r"[A-Za-z0-9-]{1,60}", name.strip())
            or not value.strip()
        ):
            raise InvalidField(
                "header", "Write the header as Name: value, such as Authorization: Bearer …."
            )
        headers[f"+{name.strip()}"] = value.strip()
    own = [f"-{piece}" for piece in parts.query.split("&") if piece]
    added = urlencode(headers, quote_via=quote, safe="+")
    query = "&".join([*own, *([added] if added else [])])
    scheme = "jsons" if parts.scheme == "https" else "json"
    at = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    where = f"{at}:{port}" if port else at
    return Made(
        f"{scheme}://{where}{parts.path or '/'}{'?' + query if query else ''}",
        f"{parts.scheme}://{where}",
    )


def _apprise(given: Mapping[str, str]) -> Made:
    try:
        scheme = check_address(given["apprise_url"])
    except BadChannel as error:
        raise InvalidField("apprise_url", str(error)) from None
    return Made(given["apprise_url"], f"{scheme}://")


def _key(field: str, value: str) -> str:
    if not _KEY.fullmatch(value):
        raise InvalidField(
            field, "This isn't a key: it has 8 to 128 letters, digits, hyphens and underscores."
        )
    return value


def _port(value: str) -> int | None:
    if not value:
        return None
    if not value.isdecimal() or not value.isascii() or not 0 < int(value[:6]) < 65536:
        raise InvalidField("smtp_port", "The port must be between 1 and 65535.")
    return int(value)


def _check_host(field: str, host: str) -> None:
    try:
        check_host(host)
    except BadAddress as error:
        raise InvalidField(field, str(error)) from None


_REGION = {"us": "US", "eu": "EU"}
KINDS: Mapping[str, Kind] = {
    ChannelKind.EMAIL: Kind((
        Field("to", "To", "One or more addresses, separated by commas."),
        Field("sender", "From", "The sender's address."),
        Field("smtp_host", "SMTP server", "Host name or IP address."),
        Field("smtp_port", "Port", "Empty: 587 for STARTTLS, 465 for TLS, 25 without.", required=False),
        Field("security", "Encryption", "How the connection to the server is secured.", required=False,
              choices={"starttls": "STARTTLS", "ssl": "TLS", "none": "None"}),
        Field("username", "User", "Empty: the server asks for no authentication.", required=False),
        Field("password", "Password", "Stored encrypted; never shown again.", secret=True, required=False),
    ), _email),
    ChannelKind.SLACK: Kind((
        Field("webhook", "Incoming webhook", "https://hooks.slack.com/services/…, from the Slack app's page. Stored encrypted.", secret=True),
        Field("channel", "Channel", "Empty: the one that the webhook belongs to.", required=False),
    ), _slack),
    ChannelKind.TEAMS: Kind((
        Field("webhook", "Workflow address", "The HTTPS address of the workflow “When a Teams webhook request is received”. Stored encrypted.", secret=True),
    ), _teams),
    ChannelKind.PAGERDUTY: Kind((
        Field("key", "Integration key", "Of an integration “Events API v2” of the service. Stored encrypted.", secret=True),
        Field("region", "Region", "Where the PagerDuty account is.", required=False, choices=_REGION),
    ), _pagerduty),
    ChannelKind.OPSGENIE: Kind((
        Field("key", "API key", "Of an integration “API” of the team. Stored encrypted.", secret=True),
        Field("region", "Region", "Where the Opsgenie account is.", required=False, choices=_REGION),
    ), _opsgenie),
    ChannelKind.WEBHOOK: Kind((
        Field("url", "URL", "JSON is posted here. Stored encrypted, because many such URLs contain a token.", secret=True),
        Field("header", "Header", "Such as Authorization: Bearer …. Stored encrypted.", secret=True, required=False),
    ), _webhook),
    ChannelKind.APPRISE: Kind((
        Field("apprise_url", "Apprise URL", "Such as ntfys://ntfy.example.org/oncall. Apprise's documentation lists more than a hundred services. Stored encrypted.", secret=True),
    ), _apprise),
}  # fmt: skip
