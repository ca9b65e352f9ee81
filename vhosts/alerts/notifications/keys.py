"""The keys by which a service recognizes a message: of the same conversation, or sent twice."""

from __future__ import annotations

from urllib.parse import quote

from console.rabbitmq.endpoint import Secret


def with_keys(url: Secret, *, thread: str, notification: int, link: str) -> Secret:
    """Return the address with the parameters that its service has for them.

    PagerDuty and Opsgenie: one incident per rule and broker, closed when nothing fires any more, however
    often a message arrives. Webhooks: `Idempotency-Key` as a header, and in the body `alert_key`, the same
    for all messages about one rule and broker, and `link`.
    """
    text = url.reveal()
    scheme = text.partition("://")[0].lower()
    key = quote(f"warren-{thread}", safe="")
    if scheme == "pagerduty":
        return _with(text, f"dedup={key}&click={quote(link, safe='')}")
    if scheme == "opsgenie":
        return _with(text, f"alias={key}")
    if scheme in ("json", "jsons", "form", "forms"):
        header = "" if scheme.startswith("form") else f"&%2BIdempotency-Key=warren-{notification}"
        return _with(text, f":alert_key={key}&:link={quote(link, safe='')}{header}")
    return url


def _with(text: str, parameters: str) -> Secret:
    separator = "" if text.endswith(("?", "&")) else "&" if "?" in text else "?"
    return Secret(f"{text}{separator}{parameters}")
