from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Act(StrEnum):
    """What a RabbitMQ user may want to do, named as in the console's API."""

    ADMINISTER = "administer"
    BIND_EXCHANGE = "bind_exchange"
    BIND_QUEUE = "bind_queue"
    CONSUME = "consume"
    DECLARE_EXCHANGE = "declare_exchange"
    DECLARE_QUEUE = "declare_queue"
    DELETE_EXCHANGE = "delete_exchange"
    DELETE_QUEUE = "delete_queue"
    FIND_EXCHANGE = "find_exchange"
    FIND_QUEUE = "find_queue"
    GET = "get"
    OPEN_VHOST = "open_vhost"
    PUBLISH = "publish"
    PURGE = "purge"
    SET_POLICY = "set_policy"
    UNBIND_EXCHANGE = "unbind_exchange"
    UNBIND_QUEUE = "unbind_queue"
    USE_MANAGEMENT = "use_management"


@dataclass(frozen=True, slots=True)
class ActWords:
    """Texts of an act. `label` follows "may". `target` and `source` name the additional inputs; ""
    if there is none."""

    label: str
    #: The AMQP 0-9-1 method, or the call of the HTTP API.
    method: str
    target: str = ""
    source: str = ""
    takes_routing_key: bool = False


#: In the order of the form.
ACTS: Mapping[Act, ActWords] = {
    Act.PUBLISH: ActWords(
        "publish to an exchange", "basic.publish", "exchange", takes_routing_key=True
    ),
    Act.CONSUME: ActWords("consume from a queue", "basic.consume", "queue"),
    Act.GET: ActWords("get messages from a queue", "basic.get", "queue"),
    Act.DECLARE_QUEUE: ActWords("declare a queue", "queue.declare", "queue"),
    Act.DELETE_QUEUE: ActWords("delete a queue", "queue.delete", "queue"),
    Act.PURGE: ActWords("purge a queue", "queue.purge", "queue"),
    Act.BIND_QUEUE: ActWords(
        "bind a queue to an exchange", "queue.bind", "queue", "exchange", takes_routing_key=True
    ),
    Act.UNBIND_QUEUE: ActWords(
        "unbind a queue from an exchange",
        "queue.unbind",
        "queue",
        "exchange",
        takes_routing_key=True,
    ),
    Act.FIND_QUEUE: ActWords(
        "check whether a queue exists (passive declare)", "queue.declare passive", "queue"
    ),
    Act.DECLARE_EXCHANGE: ActWords("declare an exchange", "exchange.declare", "exchange"),
    Act.DELETE_EXCHANGE: ActWords("delete an exchange", "exchange.delete", "exchange"),
    Act.BIND_EXCHANGE: ActWords(
        "bind an exchange to another",
        "exchange.bind",
        "exchange",
        "source exchange",
        takes_routing_key=True,
    ),
    Act.UNBIND_EXCHANGE: ActWords(
        "unbind an exchange from another",
        "exchange.unbind",
        "exchange",
        "source exchange",
        takes_routing_key=True,
    ),
    Act.FIND_EXCHANGE: ActWords(
        "check whether an exchange exists (passive declare)", "exchange.declare passive", "exchange"
    ),
    Act.OPEN_VHOST: ActWords("connect to the virtual host", "connection.open"),
    Act.USE_MANAGEMENT: ActWords(
        "view the virtual host in the management interface", "GET /api/queues/{vhost}"
    ),
    Act.SET_POLICY: ActWords(
        "set policies in the virtual host", "PUT /api/policies/{vhost}/{name}"
    ),
    Act.ADMINISTER: ActWords(
        "manage users, virtual hosts and permissions", "PUT /api/users/{name}"
    ),
}


@dataclass(frozen=True, slots=True)
class Question:
    """One question.

    `target` is the queue or exchange, or a binding's destination; `source` is the exchange that it
    binds from. "" is the default exchange, or a queue that the server names.
    `dead_letter_exchange` and `alternate_exchange` are arguments of a declare; None: not set.
    `routing_key` None: any. `remote`: the client connects from another machine than the broker's;
    None: unknown.
    """

    act: Act
    user: str
    vhost: str
    target: str = ""
    source: str = ""
    routing_key: str | None = None
    dead_letter_exchange: str | None = None
    alternate_exchange: str | None = None
    remote: bool | None = None
