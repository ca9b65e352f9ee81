"""Rights asked once more by what the broker says right before a call.

What was known when a change was accepted may be minutes old: a user may have been given tags, or permissions
elsewhere, since. Where an author's right depends on such facts, accessctl gives a judge; what it is told
here is read from the broker.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from django.conf import settings
from django.contrib.auth.models import User
from django.utils.module_loading import import_string

from console.kinds.base import USER, Ref, Spec
from console.models import Broker, Step
from console.rabbitmq.management.objects import ObjectStore
from console.rabbitmq.management.user_vhosts import vhosts_of_user


@dataclass(frozen=True, slots=True)
class Fresh:
    """An object as the broker tells it now. `spec` None: it is not there. `vhosts`: of a user, where it
    has a permission or a topic permission; empty for other kinds."""

    spec: Spec | None = field(repr=False)
    vhosts: frozenset[str] = frozenset()


#: (step, fresh facts, what it is to be) to the reason why the author may not, one sentence; "": may.
#: Called in threads, so it must not touch the database.
Judge = Callable[[Step, Fresh, Spec | None], str]
#: Gives a judge for steps of one kind, None where the author's right depends on no such fact.
JudgeOf = Callable[[User | None, Broker, str, Sequence[str]], Judge | None]


def judge_of(batch: Sequence[Step]) -> Judge | None:
    """For a batch of one change and kind."""
    found: JudgeOf = import_string(settings.CHANGE_JUDGE)
    first = batch[0]
    names = [step.target.key[0] for step in batch]
    return found(first.change.author, first.broker, first.target.kind, names)


def read_fresh(store: ObjectStore, ref: Ref) -> Fresh:
    """Raises BrokerError where the broker does not tell all of it."""
    spec = store.read(ref.kind, ref.key)
    if spec is None or ref.kind != USER.name:
        return Fresh(spec)
    return Fresh(spec, vhosts_of_user(store, ref.key[0]))
