"""The result of checked cases as text, JSON or JUnit XML."""

from __future__ import annotations

import json
from collections.abc import Sequence
from xml.etree import ElementTree

from console.rabbitmq.text import printable
from vhosts.routing.cases import Outcome

_LINE = 1_000


def as_text(outcomes: Sequence[Outcome]) -> str:
    lines = []
    for one in outcomes:
        lines.append(f"{'ok  ' if one.held else 'FAIL'}  {_shown(one.case.name)}")
        lines += [f"        {_shown(fault)}" for fault in one.faults]
    held = sum(one.held for one in outcomes)
    return "\n".join([*lines, f"{held} of {len(outcomes)} as expected."]) + "\n"


def as_json(outcomes: Sequence[Outcome]) -> str:
    rows = [
        {
            "name": one.case.name,
            "vhost": one.case.vhost,
            "exchange": one.case.exchange,
            "routing_key": one.case.routing_key,
            "held": one.held,
            "verdict": one.trace.verdict,
            "queues": list(one.trace.queues),
            "possible_queues": list(one.trace.possible),
            "faults": list(one.faults),
        }
        for one in outcomes
    ]
    return json.dumps({"held": all(one.held for one in outcomes), "routes": rows}, indent=2) + "\n"


def as_junit(outcomes: Sequence[Outcome]) -> str:
    failures = sum(not one.held for one in outcomes)
    suite = ElementTree.Element(
        "testsuite", name="routes", tests=str(len(outcomes)), failures=str(failures)
    )
    for one in outcomes:
        case = ElementTree.SubElement(
            suite, "testcase", classname=_shown(one.case.vhost), name=_shown(one.case.name)
        )
        if not one.held:
            failure = ElementTree.SubElement(case, "failure", message=_shown(one.faults[0]))
            failure.text = "\n".join(map(_shown, one.faults))
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _shown(text: str) -> str:
    """Text from a file or broker must not control a terminal, and XML can't hold control characters."""
    return printable(text, _LINE)


FORMATS = {"text": as_text, "json": as_json, "junit": as_junit}
