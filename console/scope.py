"""The part of the fleet that a person views: all brokers ▸ environment ▸ broker ▸ virtual host.

It is in the URL (`?env=&broker=&vhost=`) and in every link of the frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.http import Http404, QueryDict

from console.errors import InvalidField
from console.models import Broker, Environment
from console.models.brokers import BrokerQuerySet

PARAMETERS = ("env", "broker", "vhost")
_LONGEST_VHOST = 255


@dataclass(frozen=True, slots=True)
class Scope:
    """A part of the fleet. `vhost` None: all virtual hosts. A broker implies its own
    environment."""

    environment: Environment | None = None
    broker: Broker | None = None
    vhost: str | None = None

    @classmethod
    def read(cls, query: QueryDict, user: AbstractBaseUser | AnonymousUser) -> Scope:
        """Read the scope from a URL's query. Raises InvalidField for an invalid scope, Http404 for
        a broker that the user may not see."""
        environment = None
        if text := query.get("env", ""):
            if text not in Environment.values:
                raise InvalidField(
                    "env", f"The environment must be one of {', '.join(Environment.values)}."
                )
            environment = Environment(text)
        broker = _broker(text, user) if (text := query.get("broker", "")) else None
        vhost = query.get("vhost") or None
        if vhost is not None and (
            "\0" in vhost or len(vhost.encode(errors="replace")) > _LONGEST_VHOST
        ):
            raise InvalidField("vhost", "No virtual host has a name like that.")
        if broker is not None:
            environment = Environment(broker.environment)
        return cls(environment=environment, broker=broker, vhost=vhost)

    @classmethod
    def at(cls, broker: Broker, vhost: str | None = None) -> Scope:
        """Return the scope of a page about one object."""
        return cls(environment=Environment(broker.environment), broker=broker, vhost=vhost)

    @property
    def is_production(self) -> bool:
        return self.environment == Environment.PRODUCTION

    def parameters(self) -> dict[str, str]:
        found: dict[str, str] = {}
        if self.broker is not None:
            found["broker"] = str(self.broker.pk)
        elif self.environment is not None:
            found["env"] = self.environment.value
        if self.vhost is not None:
            found["vhost"] = self.vhost
        return found

    def query(self) -> str:
        """Return `?broker=3&vhost=%2F`, or "" for the whole fleet."""
        parameters = self.parameters()
        return f"?{urlencode(parameters)}" if parameters else ""

    def brokers(self, user: AbstractBaseUser | AnonymousUser) -> BrokerQuerySet:
        """Return the brokers in the scope that the user may see."""
        brokers = Broker.objects.visible_to(user)
        if self.broker is not None:
            return brokers.filter(pk=self.broker.pk)
        if self.environment is not None:
            return brokers.filter(environment=self.environment)
        return brokers

    def enabled_brokers(self, user: AbstractBaseUser | AnonymousUser) -> Sequence[Broker]:
        """Return those brokers that are polled, with their status; no query for a single broker."""
        if self.broker is not None:
            return [self.broker] if self.broker.enabled else []
        return list(self.brokers(user).filter(enabled=True).select_related("status"))


def _broker(text: str, user: AbstractBaseUser | AnonymousUser) -> Broker:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise InvalidField("broker", "The scope's broker must be its numeric ID.")
    broker = Broker.objects.visible_to(user).select_related("status").filter(pk=int(text)).first()
    if broker is None:
        raise Http404("No such broker.")
    return broker
