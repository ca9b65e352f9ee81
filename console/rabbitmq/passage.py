"""Test what a proxy in front of a broker does to calls.

Checks whether paths arrive unchanged, and whether calls that change something arrive at all.
Changes nothing on the broker.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Literal

import msgspec

from console.rabbitmq.http.exchange import JSON, Answer, BoundedHttp
from console.rabbitmq.management.escapes import Escapes
from console.rabbitmq.management.paths import path


@dataclass(frozen=True, slots=True)
class Passage:
    """The result of the test. `keeps_paths` None: the answers don't show it. `refused`: methods
    that something in front of RabbitMQ refuses, with the status. `server`: the Server header of the
    answers, lower case."""

    keeps_paths: bool | None
    refused: tuple[tuple[str, int], ...]
    server: str


def read_passage(http: BoundedHttp) -> Passage:
    """Run the test with requests about objects that can't exist. Raises BrokerError."""
    seen = http.exchange("GET", path("whoami"))
    refused = [
        (method, answer.status)
        for method, target, body in _harmless_writes()
        for answer in [http.exchange(method, target, body=body)]
        if (400 <= answer.status < 500 or answer.status == 501) and not _is_rabbitmq(answer)
    ]
    return Passage(Escapes(http).kept(), tuple(refused), seen.server.lower())


def _harmless_writes() -> list[tuple[str, str, bytes | None]]:
    """Return calls that RabbitMQ refuses: for missing rights, or because the names don't exist."""
    nobody = f"warren-probe-{secrets.token_hex(8)}"
    rights = b'{"configure":"^$","write":"^$","read":"^$"}'
    return [
        ("PUT", path("permissions", nobody, nobody), rights),
        ("POST", path("exchanges", nobody, "amq.default", "publish"), b"{}"),
        ("DELETE", path("users", nobody), None),
    ]


def _is_rabbitmq(answer: Answer) -> bool:
    """Return whether RabbitMQ itself answered: its errors are JSON with `error` and `reason`."""
    if answer.content_type != JSON:
        return False
    try:
        said = msgspec.json.decode(answer.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return isinstance(said, dict) and {"error", "reason"} <= said.keys()


#: Why each proxy rewrites paths, by a word in its Server header.
_PATH_ADVICE = {
    "nginx": (
        "nginx: write proxy_pass without a path after the port, not even a slash "
        "(proxy_pass http://broker:15672;). To serve the API below a prefix: rewrite ^ $request_uri; "
        "rewrite ^/prefix(/.*)$ $1 break; return 400; proxy_pass http://broker:15672$uri;"
    ),
    "apache": (
        "Apache: set AllowEncodedSlashes NoDecode in the virtual host and add nocanon to ProxyPass."
    ),
    "haproxy": "HAProxy: remove http-request normalize-uri, and url_dec from rules that set the path.",
    "traefik": (
        "Traefik: set http.encodedCharacters.allowEncodedSlash and allowEncodedPercent of the entry "
        "point to true."
    ),
    "envoy": "Envoy: set path_with_escaped_slashes_action to KEEP_UNCHANGED and merge_slashes to false.",
}
_METHOD_ADVICE = {
    "nginx": "nginx: remove limit_except GET from the location, or add PUT, POST and DELETE to it.",
    "apache": "Apache: remove <LimitExcept GET>, or add PUT, POST and DELETE to it.",
    "haproxy": "HAProxy: look for http-request deny with METH_GET or method GET.",
    "traefik": "Traefik: look for Method(`GET`) in the router's rule.",
    "envoy": "Envoy: look for :method in the route's headers and in the RBAC filter.",
}


def verdict(passage: Passage) -> tuple[str, str, Literal["ok", "warning", "failed"]]:
    """Return what was found, what to do about it ("" if nothing), and how serious it is."""
    found: list[str] = []
    advice: list[str] = []
    if passage.keeps_paths is False:
        found.append(
            "A proxy between the console and the broker rewrites or refuses escaped "
            "characters such as %2F in paths. Objects in the virtual host / and names "
            "with a slash can't be changed through it."
        )
        advice.append(_advice(_PATH_ADVICE, passage.server))
    if passage.refused:
        methods = ", ".join(method for method, _ in passage.refused)
        found.append(
            f"The console can read from RabbitMQ, but a proxy refuses {methods} "
            f"({passage.refused[0][1]}). You can monitor the broker but not change it."
        )
        advice.append(_advice(_METHOD_ADVICE, passage.server))
    if found:
        return (
            " ".join(found),
            " ".join(advice),
            "failed" if passage.keeps_paths is False else "warning",
        )
    if passage.keeps_paths is None:
        return (
            "The console couldn't test whether a proxy rewrites paths: the broker's answers don't tell.",
            "Test again, with a user that has the tag monitoring or administrator.",
            "warning",
        )
    return "Paths and methods reach RabbitMQ unchanged.", "", "ok"


def _advice(by_server: dict[str, str], server: str) -> str:
    """Return the advice for the proxy that the answers name, or for all of them if it is unknown."""
    named = [advice for word, advice in by_server.items() if word in server]
    return " ".join(named or by_server.values())
