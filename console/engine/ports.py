"""What the engine asks of the apps above it."""

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
    """Whether the user has the right, by its text, on the object of that kind and key. False for None:
    an author whose account is gone."""

    def __call__(
        self,
        user: AbstractBaseUser | None,
        permission: str,
        broker: Broker,
        kind: str = "",
        key: Sequence[str] = (),
    ) -> bool: ...


class TokenLimiter(Protocol):
    """From here on this object of the author reaches no further than the API token. Why the token lets
    nothing through any more, one sentence; "" where it does."""

    def __call__(self, user: User, token_id: int, now: datetime) -> str: ...


@dataclass(frozen=True, slots=True)
class Origin:
    """How a change came to what it read back. `author` None: the account is gone. `before` is what the
    broker had right before, None where it had nothing. `created`: the change itself created the object."""

    author: User | None
    before: Spec | None = field(repr=False)
    created: bool


class Observer(Protocol):
    """Keeps what a change read back; `seen` None: it is not there. `origins` has the same keys. Called
    within the transaction that records the outcome."""

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
    """An object as the broker tells it now. `spec` None: it is not there. `vhosts`: of a user, where it
    has a permission or a topic permission; empty for other kinds."""

    spec: Spec | None = field(repr=False)
    vhosts: frozenset[str] = frozenset()


#: (step, fresh facts, what it is to be) to the reason why the author may not, one sentence; "": may.
#: Called in threads, so it must not touch the database.
Judge = Callable[[Step, Fresh, Spec | None], str]


class JudgeOf(Protocol):
    """A judge for steps of one kind by the first parts of their keys, None where the author's right
    depends on no fact of the broker's."""

    def __call__(
        self, author: User | None, broker: Broker, kind: str, names: Sequence[str]
    ) -> Judge | None: ...


AUTHORIZE: Port[Authorizer] = Port("AUTHORIZE")
LIMIT_TO_TOKEN: Port[TokenLimiter] = Port("LIMIT_TO_TOKEN")
OBSERVE: Port[Observer] = Port("OBSERVE")
JUDGE_OF: Port[JudgeOf] = Port("JUDGE_OF")
