"""What can be tapped, and by whom."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

from django.http import Http404

from accessctl.authorize import AnyUser, require
from accessctl.rights import Permission
from console.errors import InvalidField
from console.models import Broker
from vhosts.messages.listening.known import is_there

#: Types of which a further binding takes nothing from others. Consistent hashing, for example,
#: would give the tap a share of the messages.
COPYING_TYPES = ("direct", "fanout", "topic", "headers")
_LONGEST = 255

Mode = Literal["bindings", "key"]


@dataclass(frozen=True, slots=True)
class Target:
    """What a tap listens to.

    An exchange with `mode` bindings: what it routes to anybody, by copies of its bindings. With
    `mode` key: what fits an own binding. A queue: what the queue's bindings route.
    """

    vhost: str
    kind: Literal["exchange", "queue", "worker"]
    name: str
    mode: Mode = "bindings"
    routing_key: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    #: Of a worker of an example: which one, and how it works (console.rabbitmq.amqp.work.Job).
    number: int = 0
    prefetch: int = 1
    work_s: float = 0.0
    replies: bool = False

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> Self:
        """Return the target of a request's parameters: `vhost`, `exchange` or `queue`, `mode`,
        `key`, `arguments` (a table, or one as JSON). Raises InvalidField."""
        vhost, exchange, queue = (_name(params, one) for one in ("vhost", "exchange", "queue"))
        if vhost == "":
            raise InvalidField("vhost", "Enter the virtual host.")
        if (exchange == "") == (queue == ""):
            if exchange == "" and "exchange" in params:
                raise InvalidField("exchange", NO_DEFAULT)
            raise InvalidField("exchange", "Select an exchange or a queue.")
        mode = params.get("mode") or "bindings"
        if mode not in ("bindings", "key") or (queue and mode == "key"):
            raise InvalidField("mode", "Choose the existing bindings, or a key on an exchange.")
        if mode == "bindings":
            return cls(vhost, "queue" if queue else "exchange", queue or exchange)
        key, arguments = _name(params, "key"), _table(params.get("arguments"))
        return cls(vhost, "exchange", exchange, "key", key, arguments)

    @classmethod
    def stored(cls, columns: Mapping[str, Any]) -> Self:
        """Return the target that was stored as `as_dict`."""
        return cls(**columns)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def digest(self) -> str:
        """Identify the target on its broker."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()

    @property
    def title(self) -> str:
        """Return a phrase for the audit log, such as "exchange logs, key #"."""
        if self.kind == "worker":
            return f"queue {self.name}, consumed by worker {self.number}"
        own = f", key {self.routing_key}" if self.mode == "key" else ""
        return f"{self.kind} {self.name}{own}"

    def params(self) -> dict[str, str]:
        """Return the parameters that `of` reads."""
        found = {"vhost": self.vhost, self.kind: self.name}
        if self.mode == "key":
            found |= {"mode": "key", "key": self.routing_key}
            if self.arguments:
                found["arguments"] = json.dumps(self.arguments)
        return found


NO_DEFAULT = (
    "The default exchange can't be tapped: RabbitMQ allows no bindings to it. "
    "Publish to another exchange, or peek into the queue."
)


def _name(params: Mapping[str, Any], field_name: str) -> str:
    value = params.get(field_name) or ""
    if (
        not isinstance(value, str)
        or "\0" in value
        or len(value.encode(errors="replace")) > _LONGEST
    ):
        raise InvalidField(field_name, f"Enter up to {_LONGEST} bytes.")
    return value


def _table(given: Any) -> dict[str, Any]:
    """Return the arguments of a binding. Raises InvalidField."""
    wrong = InvalidField("arguments", 'Enter a JSON object, such as {"x-match": "all"}.')
    if isinstance(given, str):
        try:
            given = json.loads(given) if given.strip() else {}
        except (ValueError, RecursionError):
            raise wrong from None
    if given is None:
        return {}
    flat = isinstance(given, dict) and all(
        isinstance(name, str)
        and len(name.encode(errors="replace")) <= _LONGEST
        and isinstance(value, str | int | bool)
        and -(2**63) <= (value if isinstance(value, int) else 0) < 2**63
        for name, value in given.items()
    )
    if not flat or len(json.dumps(given)) > 4000:
        raise wrong
    return dict(given)


def require_listening(user: AnyUser, broker: Broker, target: Target) -> None:
    """Raise Http404 outside the user's scope, NotAllowed without the right.

    Copies of bindings change nothing but the load, so seeing messages is enough. An own key can
    catch what nobody else gets: an alternate exchange, or a publisher that wants it back, wouldn't
    get it. That needs the right to edit bindings. A worker takes messages for good, which needs the
    right to move and delete them.
    """
    require(user, Permission.MESSAGES_VIEW, broker, target.vhost)
    if target.kind == "worker":
        require(user, Permission.MESSAGES_MOVE, broker, target.vhost)
    if target.mode == "key":
        require(user, Permission.BINDINGS_EDIT, broker, target.vhost)


def require_there(user: AnyUser, broker: Broker, target: Target) -> None:
    """Raise InvalidField if the broker isn't known to have what the user may see and wants to
    listen to; Http404 and NotAllowed like `require_seen` and `require_listening`."""
    kind: Literal["exchange", "queue"] = "exchange" if target.kind == "exchange" else "queue"
    require_seen(user, broker, target.vhost)
    require_listening(user, broker, target)
    if not is_there(user, broker, target.vhost, kind, target.name):
        raise InvalidField(
            kind, f"The last inventory has no {kind} of this name in the virtual host."
        )


def require_seen(user: AnyUser, broker: Broker, vhost: str) -> None:
    """Raise Http404 or NotAllowed unless the user may see what is in the virtual host."""
    if not Broker.objects.visible_to(user).filter(pk=broker.pk).exists():
        raise Http404("Broker not found.")
    require(user, Permission.QUEUES_VIEW, broker, vhost)
