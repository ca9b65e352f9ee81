"""Ports of the engine: what it calls in the apps above. `accessctl/apps.py` and `vhosts/apps.py`
provide them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from django.contrib.auth.models import User

from console.kinds.common.kind import Key, Spec
from console.models import Broker, Step
from console.ports import Port

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser


class Authorizer(Protocol):
    """Return whether the user has the right `permission` (its text, such as "users:edit") on the
    object of that kind and key; without a kind, on the whole broker. False for user None: a deleted
    account.
    """

    def __call__(
        self,
        user: AbstractBaseUser | None,
        permission: str,
        broker: Broker,
        kind: str = "",
        key: Sequence[str] = (),
    ) -> bool: ...


class TokenLimiter(Protocol):
    """Limit this `user` object to the rights of the API token from now on. Return one sentence if
    the token is revoked, expired or missing at `now`, else ""."""

    def __call__(self, user: User, token_id: int, now: datetime) -> str: ...


@dataclass(frozen=True, slots=True)
class Origin:
    """Which change led to a read-back. `author` None: the account was deleted. `before` is the spec
    on the broker right before the call, None if the object didn't exist. `created`: this change
    created it.
    """

    author: User | None
    before: Spec | None = field(repr=False)
    created: bool


class Observer(Protocol):
    """Store what a change read back. `seen` maps a key to its spec, None if the object doesn't
    exist; `origins` has the same keys. Called in the transaction that stores the outcome."""

    def __call__(
        self,
        broker_id: int,
        kind: str,
        seen: Mapping[Key, Spec | None],
        *,
        now: datetime,
        origins: Mapping[Key, Origin],
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Fresh:
    """An object as just read from the broker. `spec` None: it doesn't exist. `vhosts`: for a user,
    the virtual hosts where it has a permission or topic permission; empty for other kinds."""

    spec: Spec | None = field(repr=False)
    vhosts: frozenset[str] = frozenset()


#: Of a step, the object as just read, and its desired spec (None: a deletion): one sentence why the
#: author may not do it, "" if they may. Called in threads, so it must not use the database.
Judge = Callable[[Step, Fresh, Spec | None], str]


class JudgeOf(Protocol):
    """Return a judge for steps of one kind; `names` are the first parts of their keys. None if the
    author's right depends on nothing that is read from the broker."""

    def __call__(
        self, author: User | None, broker: Broker, kind: str, names: Sequence[str]
    ) -> Judge | None: ...


AUTHORIZE: Port[Authorizer] = Port("AUTHORIZE")
LIMIT_TO_TOKEN: Port[TokenLimiter] = Port("LIMIT_TO_TOKEN")
OBSERVE: Port[Observer] = Port("OBSERVE")
JUDGE_OF: Port[JudgeOf] = Port("JUDGE_OF")
