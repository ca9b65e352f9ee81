"""Judge brokers by a target version, from what is stored. No broker is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db.models import Count, Min, Q, QuerySet
from django.urls import reverse

from accessctl.authorize import AnyUser, may
from accessctl.rights import Permission
from console.kinds.refusals.versions import foreign_plugins, version_of
from console.models import Broker
from vhosts.diagnosis.finding import FEW, Fix, Subject
from vhosts.diagnosis.ground import REPORT_OLD, link
from vhosts.models import ClusterReport, Queue
from vhosts.readiness.objects import judge_objects, without_effect
from vhosts.readiness.releases import (
    KHEPRI,
    RELEASES,
    REPORTS_DEPRECATED,
    TRANSIENT,
    Release,
    between,
    least_source,
    path,
)  # fmt: skip
from vhosts.readiness.report import Item, Readiness

#: Deprecated features that are seen in the objects, whatever the broker reports.
_SEEN_IN_OBJECTS = {TRANSIENT, "classic_queue_mirroring", "queue_master_locator"}
_DEFAULT_LIMIT = "x-delivery-limit"


def judge(
    brokers: Sequence[Broker], target: str, viewer: AnyUser, now: datetime
) -> list[Readiness]:
    """Return what stands between each broker and the target series, in the order of `brokers`,
    within the viewer's reach. The number of queries doesn't depend on the number of brokers or
    objects."""
    found = {broker.pk: _begin(broker, target) for broker in brokers}
    open_ = {pk: one for pk, one in found.items() if one.steps is None or one.steps}
    known = {pk: one for pk, one in open_.items() if version_of(one.version) is not None}
    recent = ClusterReport.objects.filter(broker__in=list(known), read_at__gte=now - REPORT_OLD)
    told = {row.pk: row for row in recent}
    for pk, one in known.items():
        _judge_cluster(one, told.get(pk))
        _judge_nodes(one, now)
        _judge_flags(one, told.get(pk), viewer)
        _judge_deprecated(one, told.get(pk))
        _judge_plugins(one)
    if known:
        judge_objects(known, viewer)
        if may(viewer, Permission.QUEUES_VIEW):
            without_effect(known, viewer)
            _transient(known, viewer)
            _delivery_limit(known, viewer)
            _in_trouble(known, viewer)
    for one in known.values():
        _partial(one, viewer)
        for release in between(version_of(one.version) or (0, 0, 0), target):
            one.items += [
                Item("changes", sentence, f"From RabbitMQ {release.name} on.")
                for sentence in release.changes
            ]
    return [found[broker.pk] for broker in brokers]


def _begin(broker: Broker, target: str) -> Readiness:
    status = broker.status
    version = version_of(status.rabbitmq_version)
    way = path(version, target) if version is not None else None
    one = Readiness(
        broker=broker, target=target, version=status.rabbitmq_version,
        steps=None if way is None else [release.name for release in way], at=status.inventory_at,
    )  # fmt: skip
    if version is None:
        one.items.append(
            Item("unknown", "The broker's version is unknown: no poll has read it.",
                 "Test the connection of the broker."),
        )  # fmt: skip
    elif way is None:
        newer = version[:2] > RELEASES[target].series
        one.items.append(
            Item("blocks", f"RabbitMQ {status.rabbitmq_version} is newer than {target}." if newer
                 else f"There is no known way to upgrade RabbitMQ {status.rabbitmq_version} to {target} in place.",
                 "RabbitMQ can't be downgraded." if newer
                 else "Set up a second cluster and move the definitions and messages (blue-green)."),
        )  # fmt: skip
    elif way:
        _judge_path(one, way)
    return one


def _judge_path(one: Readiness, way: list[Release]) -> None:
    if len(way) > 1:
        steps = " → ".join(release.name for release in way)
        one.items.append(
            Item("blocks", f"{way[-1].name} can't be reached in one step: {steps}.",
                 "After each step, enable all stable feature flags on every node, then continue.")
        )  # fmt: skip
    version = version_of(one.version) or (0, 0, 0)
    least = least_source(way[0], version[:2])
    if least is not None and version < least:
        one.items.append(
            Item("blocks", f"RabbitMQ {way[0].name} needs at least {'.'.join(map(str, least))} before it; "
                 f"{one.version} runs.", "Upgrade to the latest patch release of its series first.")
        )  # fmt: skip
    erlang = one.broker.status.erlang_version
    runs = _erlang(erlang)
    for release in way:
        needs = _erlang(release.erlang)
        if runs is None or needs is None:
            one.items.append(Item("unknown", f"RabbitMQ {release.name} needs Erlang {release.erlang}; "
                                  "the version of Erlang is unknown."))  # fmt: skip
        elif runs < needs:
            one.items.append(Item("blocks", f"RabbitMQ {release.name} needs Erlang {release.erlang} or later; "
                                  f"{erlang} runs."))  # fmt: skip
            return


def _erlang(said: str) -> tuple[int, ...] | None:
    """Return "25.2.3" as numbers; "26" is also a version of Erlang."""
    parts = said.split(".")[:2]
    if not all(part.isascii() and part.isdecimal() for part in parts):
        return None
    return tuple(map(int, parts)) if len(parts) > 1 else (int(parts[0]), 0)


def _judge_cluster(one: Readiness, told: ClusterReport | None) -> None:
    versions = told.versions if told is not None else None
    if versions and len(set(versions.values())) > 1:
        item = Item(
            "blocks", "The nodes run different versions: finish the upgrade that has begun."
        )
        for node, version in sorted(versions.items()):
            item.add(Subject(node, "", version))
        one.items.append(item)


def _judge_nodes(one: Readiness, now: datetime) -> None:
    status = one.broker.status
    down = [str(node.get("name")) for node in status.nodes if node.get("running") is not True]
    if status.is_stale(status.vitals_at, now):
        one.items.append(Item("unknown", "The figures of the nodes are out of date."))
    if not status.nodes:
        one.items.append(Item("unknown", "Whether every node runs is unknown."))
    elif down:
        item = Item("blocks", "Every node must run before an upgrade.")
        for name in down:
            item.add(Subject(name))
        one.items.append(item)
    if status.alarms is None:
        one.items.append(Item("unknown", "Whether an alarm is in effect is unknown."))
    elif status.alarms:
        one.items.append(
            Item("blocks", "An alarm is in effect.", "Clear it first.", len(status.alarms))
        )


def _judge_flags(one: Readiness, told: ClusterReport | None, viewer: AnyUser) -> None:
    if told is None or told.flags is None:
        why = (
            told.why.get("flags", "") if told is not None else "No recent inventory has read them."
        )
        one.items.append(Item("unknown", f"The feature flags are unknown. {why}"))
        return
    off = [f["name"] for f in told.flags if f["state"] != "enabled" and f["stability"] in ("stable", "required")]  # fmt: skip
    if off:
        first = (one.steps or [one.target])[0]
        query = "&".join(f"flag={name}" for name in off[:100])
        right = Permission.BROKERS_EDIT
        item = Item(
            "blocks", f"{len(off)} feature flag{'' if len(off) == 1 else 's'} must be enabled: a node of "
            f"RabbitMQ {first} may not start without them.", "They can't be disabled again.",
            fix=Fix("Enable feature flags", f"{link('cluster_flags', one.broker.pk)}?{query}", right)
            if may(viewer, right, one.broker) else None,
        )  # fmt: skip
        for name in off:
            item.add(Subject(name))
        one.items.append(item)
    on = {f["name"] for f in told.flags if f["state"] == "enabled"}
    if KHEPRI in on and (version_of(one.version) or (0, 0, 0)) < (4, 0, 0):
        one.items.append(
            Item("blocks", "The experimental metadata store Khepri of 3.13 can't be upgraded in place.",
                 "Set up a second cluster and move to it (blue-green).")
        )  # fmt: skip


def _judge_deprecated(one: Readiness, told: ClusterReport | None) -> None:
    version = version_of(one.version) or (0, 0, 0)
    ahead = between(version, one.target)
    ends = {name: release for release in ahead for name in (*release.denies, *release.removes)}
    if not ends:
        return
    used = None if told is None else told.deprecated
    if used is None:
        unseen = sorted(name for name in ends if name not in _SEEN_IN_OBJECTS)
        why = (
            f"RabbitMQ reports deprecated features in use from {REPORTS_DEPRECATED} on."
            if version < (version_of(REPORTS_DEPRECATED) or version)
            else (told.why.get("deprecated", "") if told is not None else "No recent inventory has read them.")
        )  # fmt: skip
        if unseen:
            item = Item(
                "unknown", f"Whether these deprecated features are in use is unknown. {why}"
            )
            for name in unseen:
                item.add(Subject(name, "", f"ends with RabbitMQ {ends[name].name}"))
            one.items.append(item)
        return
    for row in used:
        release = ends.get(row["name"])
        # These are judged by the objects, which can be named.
        if release is None or row["name"] in _SEEN_IN_OBJECTS:
            continue
        removed = row["name"] in release.removes
        one.items.append(
            Item("blocks", f"The deprecated feature {row['name']} is in use; RabbitMQ {release.name} "
                 f"{'no longer has it' if removed else 'denies it by default'}.", row["about"][:300])
        )  # fmt: skip


def _judge_plugins(one: Readiness) -> None:
    plugins = one.broker.status.plugins
    if plugins is None:
        one.items.append(Item("unknown", "The enabled plugins are unknown."))
        return
    if foreign := foreign_plugins(plugins):
        item = Item("unknown", "These plugins don't come with RabbitMQ.",
                    f"Check that a build for RabbitMQ {one.target} exists before the upgrade.")  # fmt: skip
        for name in foreign:
            item.add(Subject(name))
        one.items.append(item)


def _visible(known: Mapping[int, Readiness], viewer: AnyUser) -> QuerySet[Queue]:
    return Queue.objects.visible_to(viewer).present().filter(broker__in=list(known)).order_by()


def _fold(
    known: Mapping[int, Readiness], rows: QuerySet[Queue], fits: set[int], item: Item
) -> None:
    """Add a copy of the item to each broker that has such queues, with their number by virtual
    host."""
    counts = rows.filter(broker__in=fits).values("broker_id", "vhost")
    found: dict[int, Item] = {}
    for row in counts.annotate(number=Count("pk"), first=Min("name"), of=Min("pk")).order_by(
        "vhost"
    ):
        one = found.setdefault(row["broker_id"], Item(item.sort, item.sentence, item.advice))
        one.count += row["number"]
        if len(one.subjects) < FEW:
            more = f"{row['number']:,} in this virtual host" if row["number"] > 1 else ""
            url = reverse("queue", args=[row["of"]])
            one.subjects.append(Subject(f"{row['vhost']} / {row['first']}", url, more))
    for pk, one in found.items():
        known[pk].items.append(one)


def _passing(known: Mapping[int, Readiness], release: str) -> set[int]:
    """Return the brokers whose upgrade passes or reaches a release."""
    return {
        pk
        for pk, one in known.items()
        if RELEASES[release] in between(version_of(one.version) or (9, 9, 9), one.target)
    }


def _transient(known: Mapping[int, Readiness], viewer: AnyUser) -> None:
    _fold(
        known, _visible(known, viewer).filter(durable=False, exclusive=False), _passing(known, "4.3"),
        Item("blocks", "Transient queues that aren't exclusive are denied by default from RabbitMQ 4.3 on.",
             "They go with the restart of their node, and declaring them again fails with 541. Make them durable "
             "or exclusive; for Celery, update celery and kombu. The setting "
             "deprecated_features.permit.transient_nonexcl_queues permits them for now."),
    )  # fmt: skip


def _delivery_limit(known: Mapping[int, Readiness], viewer: AnyUser) -> None:
    rows = _visible(known, viewer).filter(type="quorum").exclude(arguments__has_key=_DEFAULT_LIMIT)
    _fold(
        known, rows, _passing(known, "4.0"),
        Item("changes", "Quorum queues without a delivery limit get one of 20 from RabbitMQ 4.0 on.",
             "A message returned 20 times is dropped or dead-lettered. Queues whose policy sets a limit keep it."),
    )  # fmt: skip


def _in_trouble(known: Mapping[int, Readiness], viewer: AnyUser) -> None:
    troubled = Q(state__in=("minority", "down", "crashed", "stopped"))
    _fold(
        known, _visible(known, viewer).filter(troubled), set(known),
        Item("blocks", "Queues are down or lack a majority of members.", "Stopping a node now makes it worse."),
    )  # fmt: skip


def _partial(one: Readiness, viewer: AnyUser) -> None:
    if not may(viewer, Permission.QUEUES_VIEW, one.broker):
        one.items.append(Item("unknown", "Only the virtual hosts that you may see were judged."))
