"""Judge what is stored of a broker's objects by what a later version refuses.

The rules are those by which changes and imports are judged (`console.reconcile.judge`). What the
broker's own version refuses too is left out: the upgrade changes nothing there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.db.models import Count, Min
from django.urls import NoReverseMatch, reverse

from accessctl.authorize import AnyUser, may
from console.engine.supported import facts_of
from console.faces.face import FACES, Face
from console.kinds.common.kind import Ref, Spec
from console.kinds.queue import QUEUE
from console.kinds.refusals.queue_table import ARGUMENTS
from console.kinds.refusals.versions import BrokerFacts, Fault
from console.models import Broker
from console.reconcile.judge import faults_of
from vhosts.diagnosis.finding import Subject
from vhosts.models import Queue, VirtualHost
from vhosts.readiness.releases import RELEASES
from vhosts.readiness.report import Item, Readiness

#: Objects of a kind that are judged on one page; more are told as unknown.
MOST = 20_000


def judge_objects(reports: Mapping[int, Readiness], viewer: AnyUser) -> None:
    """Add items to the reports (by broker) for every mirrored kind that the viewer may see. One
    query a kind, whatever the number of brokers."""
    facts = {pk: _facts(one.broker, one.target) for pk, one in reports.items()}
    vhosts = _default_types(reports)
    for face in FACES.values():
        if face.model is None or (not face.mirror.compared and face.name != QUEUE.name):
            continue
        if not may(viewer, face.rights.view):
            for one in reports.values():
                one.items.append(
                    Item("unknown", f"You can't see {face.kind.plural} ({face.rights.view}).")
                )
            continue
        for one in reports.values():
            if why := one.broker.status.why_unknown(face.route):
                one.items.append(Item("unknown", f"{face.kind.plural.capitalize()}: {why}"))
        groups: dict[tuple[int, str, str], Item] = {}
        for broker_id, ref, spec, subject, number in _objects(face, reports, viewer):
            now, then = facts[broker_id]
            other = vhosts.get(broker_id, {})

            def known(kind: str, key: Any, other: Any = other) -> Mapping[str, Any]:
                return other.get(key[0], {}) if kind == "vhost" else {}

            for fault in _new_faults(
                ref, spec, replace(now, other=known), replace(then, other=known)
            ):
                sort = "blocks" if fault.refuses else "changes"
                place = (broker_id, sort, fault.sentence)
                if place not in groups:
                    groups[place] = _item(sort, fault, face)
                groups[place].add(subject, number)
        for (broker_id, _, _), item in groups.items():
            reports[broker_id].items.append(item)


def _item(sort: Any, fault: Fault, face: Face) -> Item:
    advice = (
        f"Existing {face.kind.plural} stay, but declaring or importing them again fails."
        if fault.refuses
        else ""
    )
    return Item(sort, fault.sentence, advice)


def _facts(broker: Broker, target: str) -> tuple[BrokerFacts, BrokerFacts]:
    """Return the facts of the broker now and after the upgrade. Plugins and exchange types are
    taken to stay."""
    now = facts_of(broker)
    return now, replace(now, version=RELEASES[target].version, said=target, polled="")


def _new_faults(ref: Ref, spec: Spec, now: BrokerFacts, then: BrokerFacts) -> Iterator[Fault]:
    try:
        before = {_without_version(one.sentence) for one in faults_of(ref, spec, now)}
        after = faults_of(ref, spec, then)
    except ValueError:
        return
    for fault in after:
        if _without_version(fault.sentence) not in before:
            yield fault


def _without_version(sentence: str) -> str:
    return re.sub(r"RabbitMQ( \d[\w.+-]*)?", "RabbitMQ", sentence)


def _default_types(reports: Mapping[int, Readiness]) -> dict[int, dict[str, dict[str, Any]]]:
    """Return each virtual host's default queue type, by broker and name, as specs."""
    found: dict[int, dict[str, dict[str, Any]]] = {}
    rows = VirtualHost.objects.filter(broker__in=list(reports)).order_by()
    for broker, name, default in rows.values_list("broker", "name", "default_queue_type"):
        found.setdefault(broker, {})[name] = {"default_queue_type": default or None}
    return found


def _objects(
    face: Face, reports: Mapping[int, Readiness], viewer: AnyUser
) -> Iterator[tuple[int, Ref, Spec, Subject, int]]:
    """Yield broker, object, its spec, and how many objects it stands for."""
    if face.name == QUEUE.name:
        yield from _queues(reports, viewer)
        return
    model: Any = face.model
    rows = model.objects.visible_to(viewer).filter(broker__in=list(reports))
    found = list(rows.order_by("broker_id", "pk")[: MOST + 1])
    _tell_cut(reports, face, [row.broker_id for row in found])
    for row in found[:MOST]:
        key = face.key_of(row)
        name = " / ".join(str(part) for part in key)
        yield (
            row.broker_id,
            Ref(face.name, key),
            face.spec_of(row),
            Subject(name, _url(face, row.pk)),
            1,
        )


def _tell_cut(reports: Mapping[int, Readiness], face: Face, broker_ids: Sequence[int]) -> None:
    """Say which brokers aren't judged completely, if there are more than MOST rows. `broker_ids`
    are those of the first MOST + 1 rows, in ascending order."""
    if len(broker_ids) <= MOST:
        return
    for broker_id, one in reports.items():
        if broker_id >= broker_ids[MOST]:
            one.items.append(
                Item(
                    "unknown",
                    f"Not all {face.kind.plural} were judged: one page judges at most {MOST:,}.",
                    "Choose a single broker.",
                )
            )


def _queues(
    reports: Mapping[int, Readiness], viewer: AnyUser
) -> Iterator[tuple[int, Ref, Spec, Subject, int]]:
    """Yield one queue for each way in which queues of a virtual host were declared."""
    rows = (
        Queue.objects.visible_to(viewer)
        .present()
        .filter(broker__in=list(reports), durable__isnull=False)
        .exclude(name__startswith="amq.")
        .values("broker_id", "vhost", "durable", "auto_delete", "arguments")
        .annotate(number=Count("pk"), name=Min("name"), pk_=Min("pk"))
        .order_by("broker_id", "vhost", "name")
    )
    found = list(rows[: MOST + 1])
    _tell_cut(reports, FACES[QUEUE.name], [row["broker_id"] for row in found])
    for row in found[:MOST]:
        spec = {
            "durable": row["durable"],
            "auto_delete": bool(row["auto_delete"]),
            "arguments": row["arguments"] if isinstance(row["arguments"], dict) else {},
        }
        key = (row["vhost"], row["name"])
        more = f" and {row['number'] - 1:,} like it" if row["number"] > 1 else ""
        subject = Subject(f"{key[0]} / {key[1]}", reverse("queue", args=[row["pk_"]]), more.strip())
        yield row["broker_id"], Ref(QUEUE.name, key), spec, subject, row["number"]


def _url(face: Face, pk: int) -> str:
    try:
        return reverse(face.object_route, args=[pk])
    except NoReverseMatch:
        return ""


def without_effect(reports: Mapping[int, Readiness], viewer: AnyUser) -> None:
    """Add an item for each argument of queues that the target version ignores. One query."""
    names = [name for name, one in ARGUMENTS.items() if one.until]
    rows = Queue.objects.visible_to(viewer).present().filter(broker__in=list(reports))
    rows = rows.filter(arguments__has_any_keys=names).order_by("name")
    items: dict[tuple[int, str], Item] = {}
    for row in rows.values("pk", "broker_id", "vhost", "name", "arguments")[:MOST]:
        now, then = _facts(reports[row["broker_id"]].broker, reports[row["broker_id"]].target)
        for name in _ending(row["arguments"], names, now, then):
            place = (row["broker_id"], name)
            if place not in items:
                until = ARGUMENTS[name].until
                items[place] = Item("changes", f"The argument {name} has no effect from RabbitMQ {until} on.")  # fmt: skip
            items[place].add(
                Subject(f"{row['vhost']} / {row['name']}", reverse("queue", args=[row["pk"]]))
            )
    for (broker_id, _), item in items.items():
        reports[broker_id].items.append(item)


def _ending(
    arguments: Any, names: Iterable[str], now: BrokerFacts, then: BrokerFacts
) -> Iterator[str]:
    for name in names:
        until = ARGUMENTS[name].until
        if name in arguments and now.before(until) and not then.before(until):
            yield name
