"""What RabbitMQ checks for each AMQP 0-9-1 method once the virtual host is open. Sources: see
accessctl.explain.rules."""

from __future__ import annotations

from collections.abc import Iterator

from accessctl.explain.facts import Facts, PermissionFacts
from accessctl.explain.question import Act, Question
from accessctl.explain.rights import right, topic_right
from accessctl.explain.verdict import Reason, quoted

#: From 4.3 on, a passive declare needs any right on the name; up to 4.0, it needs none.
_PASSIVE_NEEDS_NONE_BEFORE, _PASSIVE_NEEDS_SOME_FROM = (4, 1), (4, 3)
#: A name like those that the server generates; configure patterns are matched against it.
_SERVER_NAMED = "amq.gen-JzTY20BRgKO-HjmUJj0wLg"
_REPLY_TO = "amq.rabbitmq.reply-to"


def _publish(question: Question, facts: Facts, permission: PermissionFacts) -> Iterator[Reason]:
    exchange = question.target
    yield right(facts, permission, "write", "exchange", exchange)
    found = facts.exchange(exchange)
    if found is None and "exchanges" not in facts.known:
        yield Reason(
            "internal exchange",
            "unknown",
            f"The exchange {quoted(exchange)} is unknown. An internal one refuses messages.",
        )
    elif found is None:
        yield _missing("exchange", exchange)
    elif found.internal:
        yield Reason(
            "internal exchange",
            "denies",
            f"The exchange {quoted(exchange)} is internal: it accepts messages only "
            "from other exchanges.",
        )
    yield from topic_right(facts, question, "write", exchange)


def _read_queue(question: Question, facts: Facts, permission: PermissionFacts) -> Iterator[Reason]:
    if question.act == Act.CONSUME and question.target.startswith(_REPLY_TO):
        yield Reason("direct reply-to", "allows", "Direct reply-to needs no permission on a queue.")
        return
    yield right(facts, permission, "read", "queue", question.target)
    if question.target not in facts.queues and "queues" in facts.known:
        yield _missing("queue", question.target)


def _declare_queue(
    question: Question, facts: Facts, permission: PermissionFacts
) -> Iterator[Reason]:
    name = question.target
    if name.startswith(_REPLY_TO):
        yield Reason(
            "direct reply-to",
            "unknown",
            "That depends on whether a client is waiting for a reply there.",
        )
        return
    if name.startswith("amq."):
        yield _reserved("queue", name)
    if not name:
        yield Reason("server-named", "note", "The server generates the queue's name (amq.gen-…).")
        name = _SERVER_NAMED
    yield right(facts, permission, "configure", "queue", name)
    if name in facts.queues:
        yield Reason(
            "declared again",
            "note",
            "The queue exists: redeclaring it requires the same properties but no "
            "additional permission.",
        )
        return
    limit_last = facts.version is not None and facts.version >= (4, 0)
    if not limit_last:
        yield from _queue_limit(facts)
    if question.dead_letter_exchange is not None:
        yield right(facts, permission, "read", "queue", name)
        yield right(facts, permission, "write", "exchange", question.dead_letter_exchange)
    if limit_last:
        yield from _queue_limit(facts)


def _queue_limit(facts: Facts) -> Iterator[Reason]:
    most = facts.vhost.limits.get("max-queues", -1) if facts.vhost else -1
    if most < 0:
        return
    rule, limit = "vhost limit", f"The virtual host's limit max-queues is {most:,}"
    if most == 0:
        yield Reason(rule, "denies", f"{limit}, so no queue can be declared.")
    elif facts.queue_count is None:
        yield Reason(rule, "unknown", f"{limit}, and the number of queues is unknown.")
    elif facts.queue_count >= most:
        yield Reason(rule, "denies", f"{limit}, and {facts.queue_count:,} already exist.")
    else:
        yield Reason(rule, "note", f"{limit}; {facts.queue_count:,} exist so far.")


def _delete_queue(
    question: Question, facts: Facts, permission: PermissionFacts
) -> Iterator[Reason]:
    yield right(facts, permission, "configure", "queue", question.target)


def _declare_exchange(
    question: Question, facts: Facts, permission: PermissionFacts
) -> Iterator[Reason]:
    name = question.target
    if not name:
        yield _not_on_default()
        return
    yield right(facts, permission, "configure", "exchange", name)
    if facts.exchange(name) is not None:
        yield Reason(
            "declared again",
            "note",
            "The exchange exists: redeclaring it requires the same properties but no "
            "additional permission.",
        )
        return
    if name.startswith("amq."):
        if "exchanges" in facts.known:
            yield _reserved("exchange", name)
        else:
            yield Reason(
                "reserved name",
                "unknown",
                f"{quoted(name)} can only be redeclared if it exists, which is unknown.",
            )
    if question.alternate_exchange is not None:
        yield right(facts, permission, "read", "exchange", name)
        yield right(facts, permission, "write", "exchange", question.alternate_exchange)


def _delete_exchange(
    question: Question, facts: Facts, permission: PermissionFacts
) -> Iterator[Reason]:
    name = question.target
    if not name:
        yield _not_on_default()
    elif name.startswith("amq."):
        yield Reason("reserved name", "denies", "Exchanges named amq.… can't be deleted.")
    else:
        yield right(facts, permission, "configure", "exchange", name)


def _bind(question: Question, facts: Facts, permission: PermissionFacts) -> Iterator[Reason]:
    """Bind and unbind need the same: write on the destination, read on the source."""
    to_queue = question.act in (Act.BIND_QUEUE, Act.UNBIND_QUEUE)
    kind = "queue" if to_queue else "exchange"
    yield right(facts, permission, "write", kind, question.target)
    if not question.source or (not to_queue and not question.target):
        yield _not_on_default()
        return
    yield right(facts, permission, "read", "exchange", question.source)
    yield from topic_right(facts, question, "read", question.source)
    if "exchanges" in facts.known and facts.exchange(question.source) is None:
        yield _missing("exchange", question.source)


def _find(question: Question, facts: Facts, permission: PermissionFacts) -> Iterator[Reason]:
    kind = "queue" if question.act == Act.FIND_QUEUE else "exchange"
    if kind == "exchange" and not question.target:
        yield _not_on_default()
        return
    version = facts.version
    if version is not None and version < _PASSIVE_NEEDS_NONE_BEFORE:
        yield Reason(
            "passive declare",
            "allows",
            f"RabbitMQ {facts.rabbitmq_version} requires no permission for this.",
        )
        return
    tried = [
        right(facts, permission, wanted, kind, question.target)
        for wanted in ("read", "write", "configure")
    ]
    for reason in tried:
        if reason.outcome == "allows":
            yield reason
            return
    if any(reason.outcome == "unknown" for reason in tried):
        yield from (reason for reason in tried if reason.outcome == "unknown")
    elif version is not None and version >= _PASSIVE_NEEDS_SOME_FROM:
        yield Reason(
            "passive declare",
            "denies",
            f"None of the three patterns matches {quoted(question.target)}; at least one must.",
            resource=question.target,
        )
    else:
        yield Reason(
            "passive declare",
            "unknown",
            "None of the three patterns matches. Newer versions require a match and "
            "older ones don't; for this version it's unknown.",
            resource=question.target,
        )


def _reserved(kind: str, name: str) -> Reason:
    return Reason(
        "reserved name",
        "denies",
        f"RabbitMQ reserves names that begin with amq.: {kind} {quoted(name)}.",
    )


def _not_on_default() -> Reason:
    return Reason("default exchange", "denies", "Nobody can do this with the default exchange.")


def _missing(kind: str, name: str) -> Reason:
    return Reason(
        "not found",
        "note",
        f"The {kind} {quoted(name)} doesn't exist now. Until it does, the broker "
        "answers NOT_FOUND.",
        resource=name,
    )


METHODS = {
    Act.PUBLISH: _publish,
    Act.CONSUME: _read_queue,
    Act.GET: _read_queue,
    Act.PURGE: _read_queue,
    Act.DECLARE_QUEUE: _declare_queue,
    Act.DELETE_QUEUE: _delete_queue,
    Act.FIND_QUEUE: _find,
    Act.DECLARE_EXCHANGE: _declare_exchange,
    Act.DELETE_EXCHANGE: _delete_exchange,
    Act.FIND_EXCHANGE: _find,
    Act.BIND_QUEUE: _bind,
    Act.UNBIND_QUEUE: _bind,
    Act.BIND_EXCHANGE: _bind,
    Act.UNBIND_EXCHANGE: _bind,
}
