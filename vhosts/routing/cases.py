"""Expectations of where messages go, read from a file and checked against a topology. Pure.

The file is YAML or JSON: an object with `routes`, a list of cases. docs/routing.md describes it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from console.errors import InvalidField
from vhosts.routing.core.route import route
from vhosts.routing.core.topology import Topology
from vhosts.routing.core.trace import Step, Trace
from vhosts.routing.message import check_message, check_name

MOST_BYTES = 2 * 1024 * 1024
MOST_CASES = 5_000
_LISTS = ("exactly", "at_least", "none_of")
_KEYS = frozenset({
    "name", "vhost", "exchange", "routing_key", "headers", "properties", "mandatory", "expect",
})  # fmt: skip
_EXPECT = frozenset({*_LISTS, "unroutable", "refused"})


class BadCases(ValueError):
    """The file can't be used; the text is one sentence."""


@dataclass(frozen=True, slots=True)
class Case:
    """One message and what is expected of it: queues by `exactly`, `at_least` and `none_of`,
    `unroutable`, or the code of a refusal. None: not expected."""

    name: str
    vhost: str
    exchange: str
    routing_key: str
    headers: Mapping[str, Any]
    properties: Mapping[str, Any]
    mandatory: bool
    expect: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """`faults` are lines that say what differs; empty: as expected."""

    case: Case
    trace: Trace
    faults: tuple[str, ...] = field(default=())

    @property
    def held(self) -> bool:
        return not self.faults


def read_cases(body: bytes, default_vhost: str = "/") -> list[Case]:
    """Raises BadCases."""
    if len(body) > MOST_BYTES:
        raise BadCases(f"The file is larger than {MOST_BYTES // 1024 // 1024} MB.")
    top = _parsed(body)
    if not isinstance(top, dict) or not isinstance(top.get("routes"), list):
        raise BadCases("The file needs an object with the list routes.")
    if unknown := sorted(set(map(str, top)) - {"vhost", "routes"}):
        raise BadCases(f"Unknown key {unknown[0]}. Use vhost and routes.")
    if len(top["routes"]) > MOST_CASES:
        raise BadCases(f"{len(top['routes']):,} routes; the limit is {MOST_CASES:,}.")
    vhost = top.get("vhost", default_vhost)
    return [_case(number, row, vhost) for number, row in enumerate(top["routes"], 1)]


class _Plain(yaml.SafeLoader):
    """YAML without aliases: a few lines of them stand for more values than anybody can check."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(
                problem="aliases (*name) aren't supported",
                problem_mark=self.peek_event().start_mark,
            )
        return super().compose_node(parent, index)


def _parsed(body: bytes) -> Any:
    try:
        text = body.decode("utf-8-sig")
        return json.loads(text) if text.lstrip()[:1] == "{" else yaml.load(text, _Plain)  # noqa: S506 – a safe loader
    except UnicodeDecodeError:
        raise BadCases("The file isn't UTF-8.") from None
    except json.JSONDecodeError as error:
        raise BadCases(f"Not valid JSON: {error.msg} in line {error.lineno}.") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BadCases(f"Not valid YAML: {error.problem or 'an error'} in line {line}.") from None
    except (yaml.YAMLError, RecursionError, ValueError):
        raise BadCases("Not valid YAML or JSON.") from None


def _case(number: int, row: Any, vhost: Any) -> Case:
    if not isinstance(row, dict):
        raise BadCases(f"Route {number} must be an object.")
    if unknown := sorted(set(map(str, row)) - _KEYS):
        raise BadCases(f"Route {number}: unknown key {unknown[0]}. Use {', '.join(sorted(_KEYS))}.")
    texts = {
        "vhost": row.get("vhost", vhost),
        "exchange": row.get("exchange"),
        "routing_key": row.get("routing_key", ""),
        "name": row.get("name", ""),
    }
    for name, value in texts.items():
        if not isinstance(value, str):
            raise BadCases(f"Route {number}: {name} must be text.")
    tables = {name: row.get(name) or {} for name in ("headers", "properties")}
    for name, value in tables.items():
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            raise BadCases(f"Route {number}: {name} must be an object with text as keys.")
    if not isinstance(row.get("mandatory", False), bool):
        raise BadCases(f"Route {number}: mandatory must be true or false.")
    exchange = "" if texts["exchange"] == "amq.default" else texts["exchange"]
    try:
        check_message(exchange, texts["routing_key"], tables["headers"], tables["properties"])
        check_name("vhost", texts["vhost"])
    except InvalidField as error:
        raise BadCases(f"Route {number}: {error.field}: {error.message}") from None
    said = exchange or "the default exchange"
    return Case(
        texts["name"] or f"{said} with key {texts['routing_key'] or '(empty)'}",
        texts["vhost"],
        exchange,
        texts["routing_key"],
        tables["headers"],
        tables["properties"],
        row.get("mandatory", False),
        _expected(number, row.get("expect")),
    )


def _expected(number: int, given: Any) -> dict[str, Any]:
    if not isinstance(given, dict) or not given or set(map(str, given)) - _EXPECT:
        raise BadCases(f"Route {number}: expect needs one of {', '.join(sorted(_EXPECT))}.")
    for name in _LISTS:
        found = given.get(name, [])
        if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
            raise BadCases(f"Route {number}: {name} must be a list of queue names.")
    if given.get("unroutable", True) is not True:
        raise BadCases(f"Route {number}: unroutable can only be true.")
    if given.get("refused", 403) not in (403, 404, 406):
        raise BadCases(f"Route {number}: refused must be 403, 404 or 406.")
    if ("unroutable" in given or "refused" in given) and len(given) > 1:
        raise BadCases(f"Route {number}: use unroutable or refused without other keys in expect.")
    return given


def check(cases: list[Case], topology_of: Callable[[str], Topology]) -> list[Outcome]:
    return [_checked(case, topology_of(case.vhost)) for case in cases]


def _checked(case: Case, topology: Topology) -> Outcome:
    trace = route(
        topology,
        case.exchange,
        case.routing_key,
        case.headers,
        case.properties,
        mandatory=case.mandatory,
        follow=False,
    )
    return Outcome(case, trace, tuple(_faults(case.expect, trace)))


def _faults(expect: Mapping[str, Any], trace: Trace) -> list[str]:
    if "refused" in expect:
        code = trace.refusal.code if trace.refusal else None
        return (
            []
            if code == expect["refused"]
            else [f"expected a refusal with {expect['refused']}: {trace.sentence}"]
        )
    if trace.refusal is not None:
        return [trace.sentence]
    if "unroutable" in expect:
        if trace.verdict == "unroutable":
            return []
        return ["expected no queue", *_extra({*trace.queues, *trace.possible}, trace)]
    sure, possible = set(trace.queues), set(trace.possible)
    faults = []
    if "exactly" in expect:
        wanted = set(expect["exactly"])
        faults += _missing(wanted - sure, trace) + _extra((sure | possible) - wanted, trace)
    if "at_least" in expect:
        faults += _missing(set(expect["at_least"]) - sure, trace)
    if "none_of" in expect:
        faults += _extra((sure | possible) & set(expect["none_of"]), trace)
    return faults


def _missing(queues: set[str], trace: Trace) -> list[str]:
    return [f"- {queue}: expected; {_why(queue, trace, missing=True)}" for queue in sorted(queues)]


def _extra(queues: set[str], trace: Trace) -> list[str]:
    return [
        f"+ {queue}: not expected; {_why(queue, trace, missing=False)}" for queue in sorted(queues)
    ]


def _why(queue: str, trace: Trace, *, missing: bool) -> str:
    """The reason of the step that decides about a queue."""
    wanted = ("maybe", "no", "skipped") if missing else ("yes", "maybe")
    found = sorted(
        (
            (step.distance, f"{exchange or 'the default exchange'}: {step.reason}")
            for exchange, step in _steps(trace.root)
            if step.kind == "queue" and step.name == queue and step.outcome in wanted
        ),
    )
    return (
        found[0][1]
        if found
        else "no exchange on the way is bound to it"
        if missing
        else "it is bound"
    )


def _steps(root: Step | None) -> list[tuple[str, Step]]:
    if root is None:
        return []
    found = []
    for step in root.steps:
        found.append((root.name, step))
        found += _steps(step)
    return found
