"""The change engine as tests use it: ask, apply, look."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.error import HTTPError
from uuid import uuid4

import pytest

from console.engine.accept import accept
from console.engine.acts.request import RequestedAct
from console.engine.applying.apply import apply_broker
from console.engine.proposal import DesiredObject, Proposal
from console.kinds.common.kind import Ref
from console.models import Broker, Change, ManagedObject, Step


def utc_now() -> datetime:
    return datetime.now(UTC)


class Engine:
    """Asks for changes on one broker and applies them in this process."""

    def __init__(self, broker: Broker, author: Any) -> None:
        self.broker = broker
        self.author = author

    def ask(
        self,
        *desired_objects: tuple[Any, ...],
        key: str = "",
        observed: dict[Ref, dict[str, Any]] | None = None,
        **more: Any,
    ) -> Change:
        """Each desired is (kind, key, spec) or (kind, key, spec, secrets)."""
        proposal = Proposal(
            title="a test",
            origin="api",
            idempotency_key=key,
            desired_objects=[
                DesiredObject(
                    broker=self.broker,
                    ref=(ref := Ref(kind, tuple(name))),
                    spec=spec,
                    observed=(observed or {}).get(ref),
                    permission="brokers:edit",
                    secrets=rest[0] if rest else None,
                    **more,
                )
                for kind, name, spec, *rest in desired_objects
            ],
        )
        return accept(proposal, now=utc_now(), acting_user=self.author)

    def ask_act(
        self, act: str, kind: str, *keys: Sequence[str], key: str = "", **more: Any
    ) -> Change:
        """Asks for an act on each object of a kind."""
        proposal = Proposal(
            title="an act",
            origin="api",
            idempotency_key=key,
            desired_objects=[],
            acts=[
                RequestedAct(
                    broker=self.broker,
                    ref=Ref(kind, tuple(one)),
                    act=act,
                    permission="queues:purge",
                    **more,
                )
                for one in keys
            ],
        )
        return accept(proposal, now=utc_now(), acting_user=self.author)

    def apply(self) -> int:
        return apply_broker(self.broker.pk, owner=uuid4().hex, clock=utc_now)

    def hurry(self) -> None:
        """Lets what waits be due now."""
        Step.objects.filter(finished_at=None).update(next_at=utc_now())

    def do(self, *desired_objects: tuple[Any, ...], **more: Any) -> Change:
        change = self.ask(*desired_objects, **more)
        self.apply()
        change.refresh_from_db()
        return change

    def target(self, kind: str, *key: str) -> ManagedObject:
        return ManagedObject.objects.get(broker=self.broker, kind=kind, key=list(key))


@pytest.fixture
def engine(make_broker: Callable[..., Broker], superuser: Any) -> Engine:
    return Engine(make_broker(), superuser)


@pytest.fixture
def planner(broker_row: Callable[..., Broker], superuser: Any) -> Engine:
    """An engine that only asks: there is no node behind its broker."""
    return Engine(broker_row(), superuser)


@pytest.fixture
def names(live_broker: Any) -> Iterator[Callable[[str], str]]:
    """names("vhost") and names("user") give new names whose objects are removed after the test."""
    made: list[tuple[str, str]] = []

    def name(kind: str) -> str:
        made.append((kind, f"test/{uuid4().hex[:10]} ü%2F"))
        return made[-1][1]

    yield name
    for kind, text in made:
        live_broker.forget(f"{kind}s", text)


@pytest.fixture
def seen(live_broker: Any) -> Callable[..., Any]:
    """seen("vhosts", name): the broker's own answer, None for a 404."""

    def get(*segments: str) -> Any:
        try:
            return live_broker.call("GET", *segments)
        except HTTPError as error:
            if error.code == 404:
                return None
            raise

    return get
