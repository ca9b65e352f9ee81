"""How long the preview of a policy takes over 50,000 queues: python -m bench.what_if

Only the comparison is measured, with objects that are made up here: it asks neither Postgres nor a broker.
"""

from __future__ import annotations

import os
import platform
import time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
django.setup()

from console.kinds.effective.select import EXCHANGE, Governing, Target  # noqa: E402
from console.kinds.refusals.versions import BrokerFacts, version_of  # noqa: E402
from vhosts.policies.matching import matcher  # noqa: E402
from vhosts.policies.read import Seen  # noqa: E402
from vhosts.policies.what_if.compare import Comparison  # noqa: E402
from vhosts.policies.what_if.subjects import Subject  # noqa: E402

QUEUES, EXCHANGES = 50_000, 1_000


def _subjects() -> list[Subject]:
    kinds = ("classic", "quorum", "stream")
    arguments = [("{}", {}), ('{"x-max-length": 500}', {"x-max-length": 500})]
    found = []
    for number in range(QUEUES):
        text, given = arguments[number % 2]
        of_type = kinds[number % 3]
        given = given if of_type != "stream" else {}
        target = Target(f"team-{number % 40}.service.{number}", of_type, given)
        found.append(Subject(target, text if given else "{}", number % 2000, number % 3))
    found += [Subject(Target(f"team-{number}", EXCHANGE)) for number in range(EXCHANGES)]
    return found


def _measure(label: str, policies: int, pattern: str) -> None:
    facts = BrokerFacts(version=version_of("4.0.5"), said="4.0.5")
    seen = Seen(
        tuple(
            Governing(f"p{number}", rf"^team-{number}\.", "queues", number, {"max-length": 100 + number})
            for number in range(policies)
        ),
        (Governing("caps", ".*", "queues", 0, {"max-length-bytes": 10**9}),),
        {}, facts, matcher("pcre8"),
    )  # fmt: skip
    changed = Governing("new", pattern, "all", 100, {"max-length": 1000, "expires": 60000})
    subjects = _subjects()
    started = time.perf_counter()
    comparison = Comparison(seen, "P", {"new": changed})
    outcome = comparison.outcome("new", subjects, time.monotonic() + 60)
    took = time.perf_counter() - started
    matched = outcome.queues + outcome.exchanges
    print(f"{label:42} {took:6.2f} s   matched {matched:6}   effects {len(outcome.groups):4}")


def main() -> None:
    load = os.getloadavg()[0]
    print(
        f"{QUEUES} queues, {EXCHANGES} exchanges; Python {platform.python_version()}, load {load:.1f}"
    )
    _measure("10 policies, new one matches everything", 10, "")
    _measure("10 policies, new one matches a fortieth", 10, r"^team-7\.")
    _measure("40 policies, new one matches everything", 40, "")
    _measure("200 policies, new one matches everything", 200, "")


if __name__ == "__main__":
    main()
