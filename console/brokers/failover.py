"""Reading a cluster by another of its management URLs when one doesn't answer.

A poll tries the URL that answered last, then the others. Which one it is is stored with the poll, and
everything else (inventories, changes, live reads) uses that one. So nothing but reads is ever tried at
a second node, and an operation that is sent at most once isn't sent again.

Before another URL is used, it must prove to be the same cluster. The first URL is preferred again
after it answered probes for PROBE_EVERY at least, so that a node that comes and goes isn't followed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from console.brokers.connect import connect, current_url
from console.models import Broker, BrokerStatus
from console.rabbitmq.endpoint import Timeouts
from console.rabbitmq.errors import BrokerError, BrokerFailed, OtherCluster, Unreachable
from console.rabbitmq.management.client import ManagementClient
from console.rabbitmq.text import printable
from console.rabbitmq.types import Overview

#: Errors of one node. A refused login isn't one: it holds for the cluster, and repeating it can lock
#: the account.
OF_ONE_NODE = (Unreachable, BrokerFailed, OtherCluster)
#: How often a URL that doesn't answer is probed, and how long the first one must have answered.
PROBE_EVERY = timedelta(seconds=30)
PROBES_TO_RETURN = 2
_PROBE = Timeouts(connect=1.5, read=2, total=2.5)
T = TypeVar("T")


@dataclass
class UrlChoice:
    """The management URLs of one poll. `columns()` is what to store of it in BrokerStatus."""

    broker: Broker
    status: BrokerStatus
    now: datetime
    url: str = ""
    off: dict[str, dict[str, Any]] = field(default_factory=dict)
    node: str | None = None

    def __post_init__(self) -> None:
        urls = self.broker.management_urls
        self.url = current_url(self.broker)
        self.off = {url: dict(was) for url, was in self.status.urls_off.items() if url in urls}

    def read(self, look: Callable[[str], T]) -> T:
        """Return what `look` reads at the first URL that answers: the current one, then the others
        in their order. Raises the current one's error if none does."""
        errors: list[BrokerError] = []
        for url in self._in_order():
            try:
                found = look(url)
            except OF_ONE_NODE as error:
                if len(self.broker.management_urls) == 1:
                    raise
                self._note(url, error)
                errors.append(error)
                continue
            self.url = url
            self.off.pop(url, None)
            return found
        raise errors[0]

    def check(self, client: ManagementClient, overview: Overview) -> None:
        """Check what answered at another than the first URL. Raises OtherCluster."""
        self.node = overview.node
        if client.endpoint.url != self.broker.management_url:
            must_be_same(self.status, overview)

    def probe(self) -> None:
        """Probe one URL that didn't answer, if it is time. Never raises BrokerError."""
        first = self.broker.management_url
        if self.url != first and first not in self.off:
            self.off[first] = {**self._entry("", ""), "try_at": self.now.isoformat()}
        due = (url for url in self.off if url != self.url and not self._has_just_failed(url))
        if (url := next(due, None)) is None:
            return
        try:
            with connect(self.broker, timeouts=_PROBE, url=url) as client:
                must_be_same(self.status, overview := client.overview())
        except BrokerError as error:
            self._note(url, error)
            return
        good = self.off[url]["good"] + 1
        if url != first or good >= PROBES_TO_RETURN:
            del self.off[url]
            if url == first:
                self.url, self.node = first, overview.node
        else:
            self.off[url] |= {"good": good, "try_at": self._next_try()}

    def columns(self) -> dict[str, Any]:
        first = self.broker.management_url
        columns: dict[str, Any] = {
            "answered_url": "" if self.url == first else self.url,
            "urls_off": self.off,
        }
        if self.node is not None:
            columns["answered_node"] = printable(self.node, 250)
        return columns

    def _in_order(self) -> list[str]:
        """Return the URLs to try. One that failed a moment ago is tried last."""
        others = [url for url in self.broker.management_urls if url != self.url]
        return [self.url, *sorted(others, key=self._has_just_failed)]

    def _has_just_failed(self, url: str) -> bool:
        was = self.off.get(url)
        return was is not None and datetime.fromisoformat(was["try_at"]) > self.now

    def _note(self, url: str, error: BrokerError) -> None:
        was = self.off.get(url)
        entry = self._entry(error.detail or error.summary, error.code)
        self.off[url] = entry if was is None else {**entry, "since": was["since"]}

    def _entry(self, why: str, code: str) -> dict[str, Any]:
        return {
            "since": self.now.isoformat(),
            "why": why.replace("\x00", "\ufffd")[:500],
            "code": code,
            "try_at": self._next_try(),
            "good": 0,
        }

    def _next_try(self) -> str:
        return (self.now + PROBE_EVERY).isoformat()


def must_be_same(status: BrokerStatus, overview: Overview) -> None:
    """Raises OtherCluster unless the overview is of the cluster that the last polls saw: it has the
    same name, and knows one of its nodes."""
    known = {str(node.get("name")) for node in status.nodes if isinstance(node, dict)}
    known |= {str(one.get("node")) for one in status.listeners if isinstance(one, dict)}
    if not status.cluster_name or not known:
        raise OtherCluster(
            "The first management URL hasn't been read yet, so it's unknown whether this one belongs to the same "
            "cluster."
        )
    nodes = {listener.node for listener in overview.listeners} | {overview.node or ""}
    if overview.cluster_name != status.cluster_name or not nodes & known:
        name = printable(overview.cluster_name or "without a name", 100)
        raise OtherCluster(
            f"This URL belongs to another cluster ({name}), not to {printable(status.cluster_name, 100)}."
        )


def poll_soon(broker: Broker, now: datetime) -> None:
    """Request a poll at once if the broker has another URL to try."""
    if broker.other_urls:
        BrokerStatus.objects.filter(pk=broker.pk, next_poll_at__gt=now).update(next_poll_at=now)
