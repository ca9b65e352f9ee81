"""What alert rules add to a poll.

    RABBITMQ_URL=http://user:password@host:port python -m bench.alerts [--queues 10000] [--rounds 7]

Declares the queues on that broker (give it one of your own: it will be busy), switches on every
standard rule, and then takes, round by round, after a tenth of the queues changed: one poll, and the
evaluation of all rules after it, with few incidents open and with a hundred. Brokers, queues and rows
of the bench are removed again.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import time
from typing import Any

import django

from bench import poll as polling


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--queues", type=int, default=10_000)
    arguments.add_argument("--rounds", type=int, default=7)
    options = arguments.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    os.environ["CONSOLE_ALLOW_LOOPBACK_BROKERS"] = "1"
    django.setup()
    measure(options.queues, options.rounds)


def measure(queues: int, rounds: int) -> None:
    """Print what evaluations cost beside polls of the broker that RABBITMQ_URL names."""
    from vhosts.models import AlertRule

    live = polling.Live(os.environ["RABBITMQ_URL"])
    ports = {row["protocol"]: row["port"] for row in polling._overview(live)["listeners"]}
    channels = {vhost: polling._vhost(live, ports["amqp"], vhost) for vhost in polling.VHOSTS}
    names = [
        (polling.VHOSTS[number % len(polling.VHOSTS)], f"bench.queue-{number:05}")
        for number in range(queues)
    ]
    switched = AlertRule.objects.filter(enabled=False).exclude(standard_key=None)
    rules = list(switched.values_list("pk", flat=True))
    try:
        polling._declare(channels, names)
        polling._settle(live, len(names))
        broker = polling._register(live)
        AlertRule.objects.filter(pk__in=rules).update(enabled=True)
        print(f"{len(rules)} rules, {queues:,} queues")
        try:
            polling._poll(broker, {})
            _rows(broker)
            _round_by_round(broker, channels, names, rounds, "few incidents")
            _deepen(broker)
            _round_by_round(broker, channels, names, rounds, "100 incidents")
        finally:
            broker.delete()
        polling._say_where(live)
    finally:
        AlertRule.objects.filter(pk__in=rules).update(enabled=False)
        for vhost in polling.VHOSTS:
            live.request("DELETE", f"/api/vhosts/{vhost}")


def _rows(broker: Any) -> None:
    """Fill what an inventory and the rates of polls would, so that every rule has figures."""
    from vhosts.models import Queue
    from vhosts.polling.dispatch import database_now

    Queue.objects.filter(broker=broker).update(
        type="classic", state="running", consumers=1, rates_at=database_now(), publish_rate=1.0,
        deliver_rate=1.0, redeliver_rate=0.0, growth_5m=0,
    )  # fmt: skip


def _deepen(broker: Any) -> None:
    """Let the rule about consumers hold for a hundred queues that have messages."""
    from vhosts.models import Queue

    chosen = Queue.objects.filter(broker=broker, total__gt=0).values_list("pk", flat=True)[:100]
    Queue.objects.filter(pk__in=list(chosen)).update(consumers=0)


def _round_by_round(
    broker: Any, channels: dict[str, Any], names: list[Any], rounds: int, label: str
) -> None:
    from console.models import BrokerStatus
    from vhosts.alerts.evaluate.passes import evaluate
    from vhosts.models import AlertEvaluation
    from vhosts.polling.dispatch import database_now

    rng = random.Random(4730)
    polls, evaluations = [], []
    for _ in range(rounds):
        for vhost, name in rng.sample(names, len(names) // 10):
            channels[vhost].basic_publish("", name, b"x")
        time.sleep(6)  # until the queues have reported it
        polls.append(polling._poll(broker, {}))
        now = database_now()
        BrokerStatus.objects.filter(pk=broker.pk).update(consumers_at=now)
        started = time.perf_counter()
        assert evaluate(broker.pk, now)
        evaluations.append(time.perf_counter() - started)
    shares = sorted(one / whole for one, whole in zip(evaluations, polls, strict=True))
    found = AlertEvaluation.objects.get(broker=broker)
    print(
        f"{label}: poll {polling._ms(polls)}, evaluation {polling._ms(evaluations)},"
        f" adds {100 * statistics.median(shares):.0f} %"
        f" ({100 * shares[0]:.0f}-{100 * shares[-1]:.0f} %), quickest to quickest"
        f" {100 * min(evaluations) / min(polls):.0f} %; conditions that hold:"
        f" {sum(found.found.values())}, rules without figures: {len(found.not_evaluated)}"
    )


if __name__ == "__main__":
    main()
