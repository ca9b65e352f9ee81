"""What each release series of RabbitMQ needs before an upgrade to it, and what it changes.

Sources: the release notes of 3.11.0 to 4.3.0, `rabbit_prelaunch_erlang_compat.erl`, and the
definitions of feature flags and deprecated features at the last tag of each series. What a series
refuses of objects isn't here: `console/kinds/refusals/` says that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from console.kinds.refusals.versions import Version, version_of

Series = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Release:
    """`erlang`: the least version. `sources`: the least versions from which it can be upgraded to in
    place. `denies`: deprecated features that it denies unless the configuration permits them;
    `removes`: those that it no longer has. `changes` are sentences."""

    name: str
    erlang: str
    sources: tuple[str, ...]
    denies: tuple[str, ...] = ()
    removes: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()

    @property
    def series(self) -> Series:
        return series_of(self.name)

    @property
    def version(self) -> Version:
        return (*self.series, 0)


def series_of(said: str) -> Series:
    found = version_of(said)
    if found is None:
        raise ValueError(f"{said!r} is no version")
    return found[:2]


_ALL = (
    Release("3.11", "25.0", ("3.10",)),
    Release("3.12", "25.0", ("3.11.18",), changes=(
        "Classic queues ignore x-queue-mode: messages are always written to disk early.",
    )),
    Release("3.13", "26.0", ("3.12",), changes=(
        "Erlang 26 verifies the certificates of servers that the broker connects to with TLS, such as "
        "the other end of a shovel or federation link.",
    )),
    Release("4.0", "26.2", ("3.13",), removes=("classic_queue_mirroring",), changes=(
        "Keys of policies that mirror classic queues have no effect: such queues keep one replica.",
        "Classic queues of storage version 1 are converted to version 2 at the first start, which "
        "takes time.",
        "AMQP 1.0 is always enabled; the plugin rabbitmq_amqp1_0 does nothing.",
        "Some metrics of disk I/O are gone.",
    )),
    Release("4.1", "26.2", ("3.13", "4.0"), changes=(
        "Clients that set frame_max below 8192 can't connect, such as amqplib for Node.js before 0.10.7.",
        "MQTT messages are limited to 16 MiB unless configured otherwise.",
    )),
    Release("4.2", "26.2", ("3.13", "4.0", "4.1"), changes=(
        "RabbitMQ 4.2.9 and later patch releases need Erlang 27.",
        "A message published with AMQP 1.0 without a header isn't durable.",
        "Metrics of Raft were renamed or removed.",
    )),
    Release("4.3", "27.0", ("4.2",),
            denies=("amqp_address_v1", "amqp_filter_set_bug", "global_qos", "queue_master_locator",
                    "transient_nonexcl_queues"),
            removes=("ram_node_type",), changes=(
        "Khepri is the only metadata store: a majority of nodes must run, and settings of "
        "cluster_partition_handling have no effect.",
        "Consumer timeouts don't apply to classic queues and streams.",
        "rabbitmqadmin version 1 can't be downloaded from the broker any more.",
    )),
)  # fmt: skip
RELEASES: Mapping[str, Release] = {one.name: one for one in _ALL}
#: What can be chosen.
TARGETS = ("3.13", "4.0", "4.1", "4.2", "4.3")
TRANSIENT, MIRRORING = "transient_nonexcl_queues", "classic_queue_mirroring"
#: The first version that reports which deprecated features are in use.
REPORTS_DEPRECATED = "3.13"
#: The metadata store of a 3.13 broker with this experimental flag can't be upgraded in place.
KHEPRI = "khepri_db"


def path(current: Version, target: str) -> list[Release] | None:
    """Return the shortest way of upgrades in place, the target last; empty if the broker has the
    series already; None if there is none (the broker is newer, or too old to be known here)."""
    here = current[:2]
    if here == RELEASES[target].series:
        return []
    ways: list[list[Release]] = [[]]
    seen: set[Series] = {here}
    while ways:
        way = ways.pop(0)
        at = way[-1].series if way else here
        # The newest first: of several ways of the same length, the one with the fewest old releases.
        for one in reversed(_ALL):
            if one.series in seen or not any(series_of(source) == at for source in one.sources):
                continue
            if one.name == target:
                return [*way, one]
            seen.add(one.series)
            ways.append([*way, one])
    return None


def least_source(release: Release, series: Series) -> Version | None:
    """Return the least patch release of a series that can be upgraded to this release."""
    return next((version_of(s) for s in release.sources if series_of(s) == series), None)


def between(current: Version, target: str) -> list[Release]:
    """Return the releases after the broker's, up to the target."""
    last = RELEASES[target].series
    return [one for one in _ALL if current[:2] < one.series <= last]
