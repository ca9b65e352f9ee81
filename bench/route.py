"""The router over 10,000 bindings: compiling them once, and one trace by each type of exchange.

    .venv/bin/python -m bench.route [BINDINGS]

Needs no database and no broker. Prints milliseconds of CPU, the median and the slowest of 200 traces.
"""

from __future__ import annotations

import random
import statistics
import sys
import time

from vhosts.routing.core.route import route
from vhosts.routing.core.topology import Binding, Exchange, Queue, Topology, build

REGIONS = [f"r{n}" for n in range(60)]
EVENTS = ["created", "paid", "shipped", "deleted", "returned"]


def topology(of_type: str, number: int) -> Topology:
    chance = random.Random(1)
    queues = [Queue(f"q{n}") for n in range(min(number, 2_000))]
    bindings = []
    for at in range(number):
        region, event = chance.choice(REGIONS), chance.choice(EVENTS)
        words = ["orders", region, f"c{at % 500}", event]
        if of_type == "topic":
            words = [chance.choice(["*", word]) if n else word for n, word in enumerate(words)]
            words = [*words[:2], "#"] if chance.random() < 0.05 else words
        arguments = {"x-match": "all", "region": region, "event": event, "customer": at % 500}
        bindings.append(
            Binding(
                "x", "queue", f"q{at % len(queues)}", ".".join(words),
                arguments if of_type == "headers" else {},
            )
        )  # fmt: skip
    return build("v", [Exchange("x", of_type)], queues, bindings, version=(3, 10, 8))


def main(number: int) -> None:
    for of_type in ("direct", "topic", "headers", "fanout"):
        made = topology(of_type, number)
        began = time.thread_time()
        route(made, "x", "")
        compiled = time.thread_time() - began
        took = []
        chance = random.Random(2)
        for _ in range(200):
            region, event, customer = (
                chance.choice(REGIONS),
                chance.choice(EVENTS),
                chance.randrange(500),
            )
            headers = {"region": region, "event": event, "customer": customer}
            began = time.thread_time()
            route(made, "x", f"orders.{region}.c{customer}.{event}", headers)
            took.append(1000 * (time.thread_time() - began))
        print(
            f"{of_type:8} {number:,} bindings: compiled with the first trace in {1000 * compiled:.1f} ms, "
            f"then {statistics.median(took):.2f} ms median, {max(took):.2f} ms slowest"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
