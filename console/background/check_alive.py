"""`python -m console.background.check_alive`: check that the workers or beat of this machine are
alive.

For health checks of containers and process managers. Exit code 0: alive; 1: not alive, with the
reason on standard error; 2: wrong arguments. Calls neither Postgres nor the message queue.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from console.background.queues import QUEUES
from console.background.signs.alive import BEAT, WORKER, Life, lives


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m console.background.check_alive", description=__doc__
    )
    parser.add_argument(
        "--queues", default="", help="each of these, separated by commas, has a living worker here"
    )
    parser.add_argument("--beat", action="store_true", help="beat is alive here")
    asked = parser.parse_args(arguments)
    queues = [name.strip() for name in asked.queues.split(",") if name.strip()]
    unknown = sorted(set(queues) - set(QUEUES))
    if unknown:
        parser.error(f"unknown queue {', '.join(unknown)}; there are {', '.join(QUEUES)}")
    problems = check(queues, beat=asked.beat, found=lives(), now=time.monotonic())
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    return 1 if problems else 0


def check(queues: Sequence[str], *, beat: bool, found: Sequence[Life], now: float) -> list[str]:
    """Return what is wrong, one sentence each. Without queues and beat, any living worker is
    enough."""
    workers = [life for life in found if life.kind == WORKER]
    wanted = [(f"queue {queue}", [w for w in workers if queue in w.queues]) for queue in queues]
    if beat:
        wanted.append(("beat", [life for life in found if life.kind == BEAT]))
    if not wanted:
        wanted.append(("a worker", workers))
    problems = []
    for what, candidates in wanted:
        reasons = [life.why_not(now) for life in candidates]
        if not candidates:
            problems.append(f"No process of this machine has signed for {what}.")
        elif all(reasons):
            problems.extend(f"{what}: {reason}" for reason in reasons)
    return problems


if __name__ == "__main__":
    sys.exit(main())
