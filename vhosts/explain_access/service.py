"""Decide whether a RabbitMQ user may do something, from the observed state. No broker is called."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from accessctl.authorize import AnyUser, require
from accessctl.explain import ACTS, Act, Facts, Question, Verdict, explain
from accessctl.explain.rights import DEFAULT_EXCHANGE
from accessctl.rights import Permission
from accessctl.users.access.ownership import knows_user, sees_all_users
from console.errors import InvalidField
from console.models import Broker
from vhosts.explain_access.facts import facts_for

#: Maximum size of an AMQP 0-9-1 short string, which every name and routing key is.
_MAX_BYTES = 255


@dataclass(frozen=True, slots=True)
class Explained:
    question: Question
    verdict: Verdict
    facts: Facts


def explain_access(
    *,
    broker: Broker,
    user: str,
    vhost: str,
    act: str,
    acting_user: AnyUser,
    now: datetime,
    target: str = "",
    source: str = "",
    routing_key: str | None = None,
    dead_letter_exchange: str | None = None,
    alternate_exchange: str | None = None,
    remote: bool | None = None,
) -> Explained:
    """Explain whether a user may do something.

    `broker` needs its status loaded. An exchange can be given as amq.default, the default
    exchange. Raises NotAllowed. Raises InvalidField for an invalid name or one that the operation
    doesn't take.
    """
    require(acting_user, Permission.EXPLAIN_USE, broker, vhost)
    if act not in Act.__members__.values():
        raise InvalidField("act", f"The act must be one of {', '.join(ACTS)}.")
    chosen = Act(act)
    names = {
        "user": user,
        "vhost": vhost,
        "target": target,
        "source": source,
        "routing_key": routing_key or "",
        "dead_letter_exchange": dead_letter_exchange or "",
        "alternate_exchange": alternate_exchange or "",
    }
    for field, name in names.items():
        _must_be_name(field, name)
    if not user:
        raise InvalidField("user", "Enter the RabbitMQ user.")
    if not vhost and chosen != Act.ADMINISTER:
        raise InvalidField("vhost", "Enter the virtual host.")
    _must_fit(chosen, target, source)
    dead = dead_letter_exchange if chosen == Act.DECLARE_QUEUE else None
    alternate = alternate_exchange if chosen == Act.DECLARE_EXCHANGE else None
    question = Question(
        act=chosen,
        user=user,
        vhost=vhost,
        target=_exchange(target) if ACTS[chosen].target == "exchange" else target,
        source=_exchange(source),
        routing_key=routing_key if ACTS[chosen].takes_routing_key else None,
        dead_letter_exchange=dead and _exchange(dead),
        alternate_exchange=alternate and _exchange(alternate),
        remote=remote,
    )
    hidden = not (
        sees_all_users(acting_user, broker) or knows_user(acting_user, broker, question.user)
    )
    facts = facts_for(broker, question, now=now, user_hidden=hidden)
    return Explained(question, explain(question, facts), facts)


def _must_be_name(field: str, name: str) -> None:
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise InvalidField(field, "This isn't valid Unicode.") from None
    if size > _MAX_BYTES:
        raise InvalidField(field, f"{size} bytes; the limit is {_MAX_BYTES}.")
    if "\0" in name:
        raise InvalidField(field, "A name can't contain a NUL character.")


def _must_fit(act: Act, target: str, source: str) -> None:
    words = ACTS[act]
    if not words.target and target:
        raise InvalidField(
            "target",
            f'The operation "{words.label}" takes no queue or exchange name. Leave it out.',
        )
    if words.target == "queue" and not target and act != Act.DECLARE_QUEUE:
        raise InvalidField("target", "Enter the queue.")
    if not words.source and source:
        raise InvalidField(
            "source", f'The operation "{words.label}" takes no source exchange. Leave it out.'
        )


def _exchange(name: str) -> str:
    return "" if name == DEFAULT_EXCHANGE else name
