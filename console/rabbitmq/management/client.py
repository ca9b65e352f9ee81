"""RabbitMQ's management API, 3.10 to 4.3.

Methods return typed values or raise a `BrokerError`. An empty listing means that the broker reported
none, never that the reading failed. Every call ends by its deadline."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from console.rabbitmq.endpoint import Endpoint
from console.rabbitmq.errors import (
    AnswerTooLarge,
    BrokerFailed,
    MalformedAnswer,
    NotFound,
    PathRewritten,
    UnaddressableName,
)
from console.rabbitmq.http.exchange import JSON, BoundedHttp, must_be_json
from console.rabbitmq.http.refusals import error_for_status
from console.rabbitmq.management import flows, readings
from console.rabbitmq.management.decode import Rows, raw_rows
from console.rabbitmq.management.escapes import WHAT_TO_DO, Escapes
from console.rabbitmq.management.paging import PagedRows, first_pages, read_pages
from console.rabbitmq.management.paths import Query, path, queue_path
from console.rabbitmq.network.deadline import Deadline
from console.rabbitmq.text import printable
from console.rabbitmq.types import (
    Binding,
    ChannelNow,
    Connection,
    ExchangeInfo,
    Listing,
    Node,
    Overview,
    PermissionInfo,
    QueueDepth,
    QueueInfo,
    QueueNow,
    RejectedRow,
    UserInfo,
    VhostInfo,
    VhostLimits,
    Whoami,
)

Item = TypeVar("Item", QueueDepth, QueueInfo)

#: Every queue as declared, with its state, without statistics. Only this listing keeps the queues
#: of a dead node on every version.
_DECLARED: Query = {"disable_stats": "true"}
#: With totals, even without statistics. In a cluster that lost nodes, queues are missing in it.
_TOTALS: Query = {"disable_stats": "true", "enable_queue_totals": "true"}
_EXCHANGE_COLUMNS = "vhost,name,type,durable,auto_delete,internal,arguments,policy"
_DEPTH_COLUMNS = "vhost,name,messages,messages_ready,messages_unacknowledged"
_HEALING_FACTOR = 3
_NOT_KNOWN = f"It's unknown whether the object exists. {WHAT_TO_DO}"
#: At most this many connections of one user are read at once.
MOST_CONNECTIONS = 2000
_UNLISTABLE = RejectedRow(
    "The broker can't list a queue here because its name isn't valid UTF-8. Delete "
    "the queue with rabbitmqctl or over AMQP."
)


class ManagementClient:
    """Reads one broker. Safe to use from threads; close it, or use it in a `with` block.

    Every method raises BrokerError if it has no usable answer within the endpoint's deadline per
    request. Listings contain what the broker's user can see: not everything, unless the user has
    the tag monitoring or administrator.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.http = BoundedHttp(endpoint)
        self._limits = endpoint.limits
        self._escapes = Escapes(self.http)

    def __enter__(self) -> ManagementClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.http.close()

    # Vitals

    def overview(self) -> Overview:
        return readings.OVERVIEW.one(self.http.get(path("overview")), self._limits)

    def nodes(self) -> Listing[Node]:
        return self._listing(readings.NODES, "nodes")

    def whoami(self) -> Whoami:
        return readings.WHOAMI.one(self.http.get(path("whoami")), self._limits)

    def alarms(self) -> list[str]:
        """Return alarms in effect in the cluster ("memory on rabbit@a"); empty if there are none."""
        answer = self.http.exchange("GET", path("health", "checks", "alarms"))
        if answer.status == 503 and answer.content_type == JSON:
            return _alarms(answer.body)
        if not answer.ok:
            raise error_for_status(answer.status, answer.body)
        must_be_json(answer)
        return []

    # Topology

    def vhosts(self) -> Listing[VhostInfo]:
        return self._listing(readings.VHOSTS, "vhosts")

    def vhost_limits(self) -> Listing[VhostLimits]:
        return self._listing(readings.VHOST_LIMITS, "vhost-limits")

    def queues(self) -> Listing[QueueInfo]:
        """Return every queue as declared, with its state and without its depth. Works around rows
        that the broker can't list."""
        return self._all_queues(readings.QUEUES, _DECLARED)

    def exchanges(self) -> Listing[ExchangeInfo]:
        """Return every exchange as declared, including the default one ("")."""
        query: Query = {"disable_stats": "true", "columns": _EXCHANGE_COLUMNS}
        body = self.http.get(path("exchanges", query=query))
        return readings.EXCHANGES.listing(body, self._limits)

    def published(self) -> Listing[tuple[tuple[str, str], tuple[float, float]]]:
        """Return ((vhost, name), (in, out)) of each exchange, in messages a second."""
        where = path("exchanges", query={"columns": "vhost,name,message_stats"})
        return readings.PUBLISHED.listing(self.http.get(where), self._limits)

    def queue_now(self, vhost: str, name: str) -> QueueNow:
        """Read one queue. Its figures are as old as the broker's statistics, usually 5 s."""
        body = self.get_named(queue_path(vhost, name), vhost, name)
        now = readings.QUEUE_NOW.one(body, self._limits)
        _must_be(now.info.vhost == vhost and now.info.name == name)
        return now

    def consumed(self) -> Listing[tuple[str, str]]:
        """Return the (vhost, name) of each consumer's queue, cluster-wide: one item per consumer.
        Costs a node about 40 microseconds per consumer. Raises StatsDisabled."""
        body = self.http.get(path("consumers", query={"columns": "queue.vhost,queue.name"}))
        return readings.CONSUMED.listing(body, self._limits)

    def channels_now(self, vhost: str) -> Listing[ChannelNow]:
        """Return every open channel in the virtual host. Raises StatsDisabled."""
        where = path("vhosts", vhost, "channels", query={"columns": flows.CHANNEL_COLUMNS})
        return flows.CHANNELS_NOW.listing(self.get_named(where, vhost), self._limits)

    def client_names(self, vhost: str) -> Listing[tuple[str, str]]:
        """Return the virtual host's connections, each with the name its client gave, or ""."""
        where = path("vhosts", vhost, "connections", query={"columns": flows.CLIENT_NAME_COLUMNS})
        return flows.CLIENT_NAMES.listing(self.get_named(where, vhost), self._limits)

    def queue_bindings(self, vhost: str, name: str) -> Listing[Binding]:
        """Return the bindings to one queue.
        The broker also answers for a queue that doesn't exist, with no binding or only the default
        exchange's. Use `queue_now` to find out whether the queue exists."""
        body = self.get_named(queue_path(vhost, name, "bindings"), vhost, name)
        listing = readings.BINDINGS.listing(body, self._limits)
        _must_be(all(item.vhost == vhost and item.destination == name for item in listing.items))
        return listing

    # Access

    def users(self) -> Listing[UserInfo]:
        return self._listing(readings.USERS, "users")

    def permissions(self) -> Listing[PermissionInfo]:
        return self._listing(readings.PERMISSIONS, "permissions")

    def user_connections(self, user: str) -> Listing[Connection]:
        """Return a user's open connections, from the broker's own table: no statistics are gathered.
        Incomplete if there are more than MOST_CONNECTIONS. Empty for a user that doesn't exist."""
        deadline = Deadline(self.endpoint.timeouts.total)

        def get(page: int, size: int) -> bytes:
            deadline.remaining()
            query: Query = {"page": page, "page_size": size}
            return self.get_named(path("connections", "username", user, query=query), user)

        found = first_pages(get, most=MOST_CONNECTIONS)
        if not found.rows and not self._escapes.prove(user):
            # The answer may be about another user, whose name the rewritten path contains.
            raise PathRewritten(_NOT_KNOWN)
        listing = readings.CONNECTIONS.of(found.rows, self._limits)
        _must_be(all(item.user == user for item in listing.items))
        return Listing(listing.items, listing.rejected, complete=found.complete)

    # Depths

    def depths(self, *, settling: bool = False) -> Listing[QueueDepth]:
        """Return ready, unacked and total of every queue that has them, in the smallest answer.

        Streams have none, and queues of a dead node may be missing. `settling`: nodes joined or
        left a moment ago. A quorum queue whose leader moved then reports zero until its new leader
        has counted, so zero counts as unknown.
        """
        if settling:
            columns = f"{_DEPTH_COLUMNS},type"
            return self._all_queues(readings.SETTLING_DEPTHS, {**_TOTALS, "columns": columns})
        return self._all_queues(readings.DEPTHS, {**_TOTALS, "columns": _DEPTH_COLUMNS})

    def get_named(self, target: str, *names: str) -> bytes:
        """Return the body of an answer about the named object.
        Raises PathRewritten instead of NotFound if a proxy changes the path: then the 404 proves
        nothing."""
        try:
            return self.http.get(target)
        except NotFound:
            if self._escapes.prove(*names):
                raise
            raise PathRewritten(_NOT_KNOWN) from None

    def _listing(self, rows: Rows[Any, Any], endpoint: str) -> Listing[Any]:
        return rows.listing(self.http.get(path(endpoint)), self._limits)

    def _all_queues(self, rows: Rows[Any, Item], query: Query) -> Listing[Item]:
        """Read all queues in one request.
        The broker works through all queues for every page, so pages of 10,000 queues cost ten times
        as much and aren't a snapshot."""
        try:
            found = PagedRows(raw_rows(self.http.get(path("queues", query=query)), self._limits))
        except BrokerFailed:
            found = self._around_unlistable(query)
        listing = rows.of(found.rows, self._limits)
        return Listing(
            _without_twins(listing.items),
            listing.rejected + [_UNLISTABLE] * found.unlistable,
            complete=found.complete,
        )

    def _around_unlistable(self, query: Query) -> PagedRows:
        """Read all queues except those that make the broker fail.
        Reads vhost by vhost, and page by page only in vhosts with such a queue. Takes at most
        _HEALING_FACTOR times the total timeout of one request."""
        deadline = Deadline(_HEALING_FACTOR * self.endpoint.timeouts.total)
        vhosts = self.vhosts()
        found = PagedRows(complete=not vhosts.rejected)

        for vhost in vhosts.items:
            try:
                found.add(self._queues_of(vhost.name, query, deadline))
            except NotFound:  # deleted meanwhile
                continue
            except (UnaddressableName, PathRewritten):
                found.complete = False
            if len(found.rows) > self._limits.rows:
                raise AnswerTooLarge(f"More than {self._limits.rows:,} queues.", status=200)
        return found

    def _queues_of(self, vhost: str, query: Query, deadline: Deadline) -> PagedRows:
        def get(**more: str | int) -> bytes:
            deadline.remaining()
            return self.get_named(path("queues", vhost, query={**query, **more}), vhost)

        try:
            return PagedRows(raw_rows(get(), self._limits))
        except BrokerFailed:
            return read_pages(lambda page, size: get(page=page, page_size=size), self._limits)


def _without_twins(items: list[Item]) -> list[Item]:
    """Keep the first row per name: rows move between pages, and 3.10 shows all names that aren't
    UTF-8 alike."""
    first: dict[tuple[str, str], Item] = {}
    for item in items:
        first.setdefault((item.vhost, item.name), item)
    return list(first.values())


def _must_be(asked: bool) -> None:
    if not asked:
        raise MalformedAnswer(
            "The broker's answer is about a different object than the one requested."
        )


class _Alarm(msgspec.Struct):
    node: str = ""
    resource: str = ""


class _Alarms(msgspec.Struct):
    status: str
    reason: str = ""
    alarms: list[_Alarm] | None = None


def _alarms(body: bytes) -> list[str]:
    try:
        said = msgspec.json.decode(body, type=_Alarms, strict=False)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise MalformedAnswer("The alarms in the answer can't be read.", status=503) from error
    named = [f"{alarm.resource or 'alarm'} on {alarm.node}" for alarm in said.alarms or []]
    return [printable(text) for text in named or [said.reason or "alarm"]]
