"""Who refers to a queue or an exchange, and what a deletion changes for them.

From what polling last saw; no broker is called. The number of queries doesn't depend on the number
of objects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from django.db.models import Exists, OuterRef, Q

from accessctl.models import BrokerPermission, BrokerTopicPermission
from accessctl.patterns.check import dialect_of, matches
from console.faces.pages.words import counted
from console.kinds.common.kind import Key, Spec
from console.kinds.exchange import EXCHANGE
from console.kinds.queue import QUEUE
from console.models import Broker
from vhosts.models import Binding, Exchange, FederationLink, Queue
from vhosts.topology import in_force
from vhosts.topology.dead_letters import dead_letters_reaching, dead_letters_to
from vhosts.topology.reference import MOST, NAMED, Of, Reference, first_of, named
from vhosts.topology.shovels import shovels_of


def references_to(broker: Broker, kind: str, key: Key) -> list[Reference]:
    """Return who refers to a queue or an exchange with the key (vhost, name)."""
    if kind not in (QUEUE.name, EXCHANGE.name):
        return []
    vhost, name = key
    of = Of(broker, kind, vhost, name, in_force.policies_of(broker, vhost))
    found = [*_unknown(of), *_bindings_in(of)]
    if kind == EXCHANGE.name:
        found += [*_bindings_out(of), *dead_letters_to(of), *_alternate_to(of)]
        found += [*_emptied(of), *_policies(of), *_federation(of), *shovels_of(of)]
        found += [*_topics(of), *_reach(of)]
    else:
        found += [*dead_letters_reaching(of), *_emptied(of), *_policies(of), *_federation(of)]
        found += [*shovels_of(of), *_reach(of)]
    return found


def dies(kind: str) -> Callable[[Broker, Key, Spec | None], Iterable[str]]:
    """Return `Rules.dies` for the face of a queue or an exchange."""

    def sentences(broker: Broker, key: Key, spec: Spec | None) -> Iterable[str]:
        return (one.effect for one in references_to(broker, kind, key) if one.effect)

    return sentences


def _unknown(of: Of) -> Iterator[Reference]:
    if why := of.broker.status.why_unknown("bindings"):
        sentence = f"Which bindings it has is unknown. {why}"
        yield Reference("unknown", 0, (), sentence, sentence)


def _bindings_in(of: Of) -> Iterator[Reference]:
    rows = of.rows(Binding).filter(destination_type=of.kind, destination=of.name).order_by()
    if not (number := rows.count()):
        return
    sources = rows.values_list("source", flat=True).distinct()
    names, total = tuple(sources.order_by("source")[:NAMED]), sources.count()
    bindings, start = counted(number, "binding"), named(names, total)
    yield Reference(
        "bindings_in", number, names,
        f"It gets messages from {start}, through {bindings}.",
        f"Its {bindings} from {start} are deleted too." if number > 1
        else f"Its binding from {start} is deleted too.",
    )  # fmt: skip


def _bindings_out(of: Of) -> Iterator[Reference]:
    rows = of.rows(Binding).filter(source=of.name).order_by()
    if not (number := rows.count()):
        return
    destinations = rows.values_list("destination", "destination_type").distinct()
    names = tuple(name for name, _ in destinations.order_by("destination")[:NAMED])
    bindings, end = counted(number, "binding"), named(names, destinations.count())
    yield Reference(
        "bindings_out", number, names,
        f"It routes messages to {end}, through {bindings}.",
        f"Its {bindings} to {end} are deleted too." if number > 1
        else f"Its binding to {end} is deleted too.",
    )  # fmt: skip


def _alternate_to(of: Of) -> Iterator[Reference]:
    """Yield the exchanges whose alternate exchange it is."""
    setting = in_force.setting_policies(of.policies, in_force.ALTERNATE, of.name)
    rows = of.rows(Exchange).filter(
        Q(**{f"arguments__{in_force.ALTERNATE}": of.name}) | Q(policy__in=setting)
    )
    rows = rows.order_by("name").values_list("name", "arguments", "policy")
    found = [
        (name, target)
        for name, arguments, policy in rows[:MOST]
        if (target := in_force.alternate_of(arguments, policy, of.policies))
        and target.exchange == of.name
    ]
    if not found:
        return
    names = named([name for name, _ in found], len(found))
    sentence = (
        f"Exchange {names} sends it what it can't route, set by {found[0][1].source}."
        if len(found) == 1
        else f"{len(found)} exchanges send it what they can't route: {names}."
    )
    yield Reference(
        "alternate", len(found), first_of(found), sentence,
        f"Messages that {names} can't route are lost from then on, or returned if published as "
        "mandatory.",
    )  # fmt: skip


def _emptied(of: Of) -> Iterator[Reference]:
    """Yield the auto-delete exchanges that have no bindings but those to it."""
    own = Q(destination_type=of.kind, destination=of.name)
    bindings = of.rows(Binding).filter(source=OuterRef("name"))
    rows = of.rows(Exchange).filter(
        Exists(bindings.filter(own)), ~Exists(bindings.exclude(own)), auto_delete=True
    )
    names = tuple(rows.order_by("name").values_list("name", flat=True)[:MOST])
    if names:
        shown = named(names, len(names))
        yield Reference(
            "auto_delete", len(names), names[:NAMED],
            f"The bindings to it are the last ones of an auto-delete exchange: {shown}.",
            f"RabbitMQ also deletes {shown}: an auto-delete exchange goes with its last binding.",
        )  # fmt: skip


def _policies(of: Of) -> Iterator[Reference]:
    """Yield the policies that name it, whether they apply to something or not."""
    if of.kind == EXCHANGE.name:
        keys = (in_force.DEAD_LETTER, in_force.ALTERNATE)
        names = {
            name for key in keys for name in in_force.setting_policies(of.policies, key, of.name)
        }
    else:
        to_default = set(in_force.setting_policies(of.policies, in_force.DEAD_LETTER, ""))
        by_key = in_force.setting_policies(of.policies, in_force.DEAD_LETTER_KEY, of.name)
        names = to_default.intersection(by_key)
    if names:
        found = tuple(sorted(names))
        many = "Policies name" if len(found) > 1 else "Policy"
        shown = named(found, len(found))
        sentence = f"{many} it: {shown}." if len(found) > 1 else f"{many} {shown} names it."
        yield Reference("policies", len(found), found[:NAMED], sentence)


def _federation(of: Of) -> Iterator[Reference]:
    """Yield its federation links, else the policy that asks for them."""
    links = of.rows(FederationLink).filter(of=of.kind, name=of.name)
    upstreams = tuple(links.order_by("upstream").values_list("upstream", flat=True)[:MOST])
    model = Exchange if of.kind == EXCHANGE.name else Queue
    policy = of.rows(model).filter(name=of.name).values_list("policy", flat=True).first()
    if upstreams:
        number = counted(len(upstreams), "federation link")
        shown = named(upstreams, len(upstreams))
        yield Reference(
            "federation", len(upstreams), upstreams[:NAMED],
            f"It has {number}, from {shown}.", f"It has {number}.",
        )  # fmt: skip
    elif policy and in_force.federated_by(policy, of.policies):
        yield Reference(
            "federation", 1, (policy,), f"Policy {policy} federates it with upstream brokers."
        )


def _topics(of: Of) -> Iterator[Reference]:
    """Users aren't named: whoever may see exchanges may not see them."""
    rows = BrokerTopicPermission.objects.filter(broker=of.broker, vhost=of.vhost, exchange=of.name)
    if number := rows.count():
        users = counted(number, "user")
        have = "has" if number == 1 else "have"
        yield Reference(
            "topics", number, (),
            f"{users} {have} topic permissions on it.",
            f"The topic permissions of {users} on it stay, and apply to a new exchange of that name.",
        )  # fmt: skip


def _reach(of: Of) -> Iterator[Reference]:
    """Yield the users whose permissions let them publish to it, or consume from it."""
    right, do = ("write", "publish to") if of.kind == EXCHANGE.name else ("read", "consume from")
    rows = BrokerPermission.objects.filter(broker=of.broker, vhost=of.vhost).order_by("user")
    dialect = dialect_of(of.broker.status.erlang_version)
    users = [
        user
        for user, pattern in rows.values_list("user", right)[:MOST]
        if matches(pattern, of.name, dialect=dialect)
    ]
    if users:
        shown = named(users, len(users))
        yield Reference(
            "reach", len(users), tuple(users[:NAMED]),
            f"Users with permission to {do} it: {shown}.",
            f"{counted(len(users), 'user')} with permission to {do} it can't any more.",
        )  # fmt: skip
