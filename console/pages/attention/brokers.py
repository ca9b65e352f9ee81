"""What needs attention of brokers as a whole, from their last polls. No query."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.urls import reverse

from accessctl.authorize import AnyUser
from console.brokers.impairments import impairment_in_words
from console.faces.attention import Act, AttentionItem, Harm, Many
from console.faces.templatetags._text import sized
from console.models import Broker
from console.models.broker_states import ANSWERING
from console.rabbitmq.advice import advice_for
from console.rabbitmq.text import printable

#: A node with this share of its memory watermark in use is near it.
_NEAR_MEMORY = 0.9
#: A node whose free disk is below this many times its limit is near it.
_NEAR_DISK = 2
#: Parts of a poll without which figures of the whole broker are missing.
_PARTS = ("depths", "nodes", "alarms", "identity", "duplicate")


def broker_conditions(
    user: AnyUser, brokers: Sequence[Broker], now: datetime
) -> Iterator[AttentionItem]:
    """Yield brokers that can't be read, alarms, missing nodes and limits that are near."""
    for broker in brokers:
        state = broker.status.shown_state(now)
        if state in ("refused", "unreachable", "stale"):
            yield _not_read(broker, state)
        elif state in ANSWERING:
            yield from _answering(broker, state)


def _item(broker: Broker, harm: Harm, sentence: str, **more: Any) -> AttentionItem:
    url = reverse("broker", args=[broker.pk])
    act = Act("Open broker", url)
    return AttentionItem(harm, broker.name, url, sentence, broker=broker, act=act, **more)


def _many(key: str, sentence: str) -> Many:
    return Many(f"brokers.{key}", "brokers", sentence, f"{reverse('fleet')}?state={key}")


def _not_read(broker: Broker, state: str) -> AttentionItem:
    status = broker.status
    if state == "stale":
        return _item(
            broker, Harm.NOT_KNOWN, "is stale: no recent poll has finished.",
            cause="Check that beat and the worker are running; /readyz shows which one isn’t.", since=status.answered_at,
            many=_many("stale", "are stale: no recent poll of them has finished."),
        )  # fmt: skip
    why = f"{printable(status.error_detail, 200)} " if status.error_detail else ""
    advice = advice_for(status.error_code) if status.error_code else ""
    one, many = {
        "refused": ("refuses the connection.", "refuse the connection."),
        "unreachable": ("can’t be reached.", "can’t be reached."),
    }[state]
    return _item(
        broker, Harm.NOT_KNOWN, one, cause=f"{why}{advice}".strip(), since=status.state_since,
        many=_many(state, many),
    )  # fmt: skip


def _answering(broker: Broker, state: str) -> Iterator[AttentionItem]:
    status = broker.status
    nodes = [node for node in status.nodes if isinstance(node, dict)]
    if status.alarms:
        words = "; ".join(printable(str(one), 120) for one in status.alarms[:3])
        yield _item(
            broker, Harm.STOPPED, f"blocks publishers: {words}.", cause=_alarmed(nodes),
            many=Many("brokers.alarm", "brokers", "block publishers: an alarm is raised.", reverse("fleet")),
        )  # fmt: skip
    why = impairment_in_words(status, state)
    if state == "partitioned":
        yield _item(broker, Harm.STOPPED, "is partitioned.", cause=why)
    elif state == "node_down":
        running, all_of_them = status.running_nodes(), len(nodes)
        yield _item(
            broker, Harm.WILL_BREAK, f"runs {running} of {all_of_them} nodes.", cause=why,
            many=_many("node_down", "have nodes that are down."),
        )  # fmt: skip
    elif state == "restricted":
        yield _item(
            broker, Harm.NOT_KNOWN, "can’t be seen completely.", cause=why,
            many=_many("restricted", "can’t be seen completely."),
        )  # fmt: skip
    elif state == "slow":
        yield _item(
            broker, Harm.WILL_BREAK, "answers slowly.", cause=why,
            many=_many("slow", "answer slowly."),
        )  # fmt: skip
    unread = [str(status.part_errors[part]) for part in _PARTS if part in status.part_errors]
    if unread:
        yield _item(
            broker, Harm.NOT_KNOWN, "couldn’t be read completely.", cause=" ".join(unread[:2]),
            many=Many("brokers.parts", "brokers", "couldn’t be read completely.", reverse("fleet")),
        )  # fmt: skip
    for node in nodes:
        yield from _near_a_limit(broker, node)


def _alarmed(nodes: list[dict[str, Any]]) -> str:
    for node in nodes:
        name = printable(str(node.get("name")), 120)
        if node.get("mem_alarm") is True and (words := _of(node, "mem_used", "mem_limit")):
            return f"{name} uses {words} of memory, its watermark."
        if node.get("disk_free_alarm") is True and (
            words := _of(node, "disk_free", "disk_free_limit")
        ):
            return f"{name} has {words}, its limit, of free disk."
    return ""


def _near_a_limit(broker: Broker, node: dict[str, Any]) -> Iterator[AttentionItem]:
    if not node.get("running") or node.get("mem_alarm") or node.get("disk_free_alarm"):
        return
    name = printable(str(node.get("name")), 120)
    used, watermark = _number(node, "mem_used"), _number(node, "mem_limit")
    if used is not None and watermark and used >= _NEAR_MEMORY * watermark:
        yield _item(
            broker, Harm.WILL_BREAK, f"is near the memory watermark: {_of(node, 'mem_used', 'mem_limit')} on {name}.",
            cause="At the watermark RabbitMQ blocks all publishers.",
            many=Many("brokers.memory", "nodes", "are near their memory watermark.", reverse("fleet")),
        )  # fmt: skip
    free, limit = _number(node, "disk_free"), _number(node, "disk_free_limit")
    if free is not None and limit and free < _NEAR_DISK * limit:
        yield _item(
            broker, Harm.WILL_BREAK, f"is near the disk limit: {_size(free)} free on {name}, the limit is {_size(limit)}.",
            cause="At the limit RabbitMQ blocks all publishers.",
            many=Many("brokers.disk", "nodes", "are near their disk limit.", reverse("fleet")),
        )  # fmt: skip


def _number(node: dict[str, Any], key: str) -> float | None:
    value = node.get(key)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _size(value: float) -> str:
    return " ".join(sized(int(value)))


def _of(node: dict[str, Any], first: str, second: str) -> str:
    """Return "5.9 GiB of 6.4 GiB"; "" if one of them isn't known."""
    one, other = _number(node, first), _number(node, second)
    return "" if one is None or other is None else f"{_size(one)} of {_size(other)}"
