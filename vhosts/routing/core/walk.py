"""Follow a message from an exchange over bindings and alternate exchanges.

As `rabbit_exchange:route` does: each exchange routes a message once, whatever leads to it, an alternate
exchange is used only if none of the exchange's own bindings matches, and each queue gets one copy.
"""

from __future__ import annotations

from vhosts.routing.core.matching.matcher import Matched, Message
from vhosts.routing.core.matching.of_type import matcher_of
from vhosts.routing.core.text import counted, shown, shown_exchange
from vhosts.routing.core.topology import DEFAULT, Binding, Exchange, Setting, Topology
from vhosts.routing.core.trace import Near, Outcome, Step

#: Bindings shown of each kind (matching, not matching) and exchange.
MOST_SHOWN = 100
_MOST_NEAR = 5
#: Exchanges below each other that the tree shows; those below count too.
_DEEPEST = 12


class Walk:
    """One message's way. `queues` and `possible` are filled by `follow`, in the order of names."""

    def __init__(self, topology: Topology, message: Message) -> None:
        self.topology = topology
        self.message = message
        self.queues: list[str] = []
        self.possible: list[str] = []
        #: Whether at least one of `possible` surely gets it.
        self.one_surely = False
        #: Whether something isn't known that may lead to further queues.
        self.unknown = "bindings" not in topology.whole
        self.near: list[Near] = []
        self.visited: dict[str, Matched] = {}
        self._expanded: set[str] = set()

    def follow(self, start: Exchange) -> None:
        sure = self._reach({start.name}, set(), maybe=False)
        every = self._reach(set(sure[0]), set(sure[1]), maybe=True)
        self.queues = sorted(sure[1])
        self.possible = sorted(every[1] - sure[1])
        for name in sure[0]:
            found = self.visited[name]
            if found.one_of and found.always and found.maybe:
                self.one_surely |= all(one.to == "queue" for one in found.maybe)

    def _reach(
        self, exchanges: set[str], queues: set[str], *, maybe: bool
    ) -> tuple[set[str], set[str]]:
        waiting = list(exchanges)
        while waiting:
            name = waiting.pop()
            found = self._matched(name)
            bindings = (*found.sure, *found.maybe) if maybe else found.sure
            next_exchanges = [one.destination for one in bindings if one.to == "exchange"]
            queues.update(one.destination for one in bindings if one.to == "queue")
            alternate = self._alternate(name)
            sure_of_none = not found.maybe and "bindings" in self.topology.whole
            if alternate is not None and not found.sure and (maybe or sure_of_none):
                next_exchanges.append(alternate.value)
            for one in next_exchanges:
                if one not in self.topology.exchanges:
                    self.unknown |= "exchanges" not in self.topology.whole
                elif one not in exchanges:
                    exchanges.add(one)
                    waiting.append(one)
        return exchanges, queues

    def _matched(self, name: str) -> Matched:
        if name not in self.visited:
            matcher = matcher_of(self.topology, self.topology.exchanges[name])
            self.visited[name] = matcher.match(self.message)
        return self.visited[name]

    def _alternate(self, name: str) -> Setting | None:
        found = self.topology.exchanges[name].alternate
        return found if found is not None and isinstance(found.value, str) else None

    def tree(
        self, exchange: Exchange, outcome: Outcome, reason: str, depth: int = 0, **more: object
    ) -> Step:
        """Return the step to an exchange with all that follows; each exchange is expanded once."""
        if exchange.name in self._expanded:
            again = f"{reason}; already routed above, and an exchange routes a message once"
            return Step("exchange", exchange.name, outcome, again, type=exchange.type, **more)  # type: ignore[arg-type]
        if depth >= _DEEPEST:
            deep = f"{reason}; what it leads to counts, but isn't shown this deep"
            return Step("exchange", exchange.name, outcome, deep, type=exchange.type, **more)  # type: ignore[arg-type]
        self._expanded.add(exchange.name)
        found = self._matched(exchange.name)
        matcher = matcher_of(self.topology, exchange)
        steps: list[Step] = []
        chosen: list[tuple[Outcome, Binding]] = [("yes", one) for one in found.sure[:MOST_SHOWN]]
        chosen += [("maybe", one) for one in found.maybe[:MOST_SHOWN]]
        for taken, binding in sorted(
            chosen, key=lambda one: (one[1].to != "queue", one[1].destination)
        ):
            taken = "maybe" if outcome == "maybe" else taken
            steps.append(self._to(binding, taken, matcher.why(binding, self.message), depth + 1))
        steps += self._no_steps(exchange, found)
        if (alternate := self._alternate(exchange.name)) is not None:
            steps.append(self._to_alternate(exchange, alternate, found, outcome, depth + 1))
        number = len(found.sure) + len(found.maybe)
        return Step(
            "exchange",
            exchange.name,
            outcome,
            reason,
            type=exchange.type,
            steps=tuple(steps),
            matched=number,
            unmatched=len(matcher.bindings) - number,
            **more,  # type: ignore[arg-type]
        )

    def _to(self, binding: Binding, outcome: Outcome, reason: str, depth: int) -> Step:
        arguments = tuple(sorted(binding.arguments.items()))
        if binding.to == "queue":
            queue = self.topology.queues.get(binding.destination)
            return Step(
                "queue",
                binding.destination,
                outcome,
                reason,
                type=queue.type if queue else "",
                key=binding.key,
                arguments=arguments,
            )
        target = self.topology.exchanges.get(binding.destination)
        if target is None:
            return Step(
                "exchange",
                binding.destination,
                "skipped",
                f"{reason}, but the exchange wasn't found",
                key=binding.key,
                arguments=arguments,
            )
        return self.tree(target, outcome, reason, depth, key=binding.key, arguments=arguments)

    def _no_steps(self, exchange: Exchange, found: Matched) -> list[Step]:
        matcher = matcher_of(self.topology, exchange)
        taken = {id(one) for one in (*found.sure, *found.maybe)}
        steps = []
        for binding in matcher.nearest(self.message, MOST_SHOWN):
            if id(binding) in taken:
                continue
            distance, reason = matcher.why_not(binding, self.message)
            queue = self.topology.queues.get(binding.destination)
            steps.append(
                Step(
                    "queue" if binding.to == "queue" else "exchange",
                    binding.destination,
                    "no",
                    reason,
                    type=queue.type if binding.to == "queue" and queue else "",
                    key=binding.key,
                    arguments=tuple(sorted(binding.arguments.items())),
                    distance=distance,
                )
            )
        steps.sort(key=lambda step: (step.distance, step.name, step.key or ""))
        self.near += [Near(exchange.name, step) for step in steps[:_MOST_NEAR]]
        self.near = sorted(self.near, key=lambda one: one.step.distance)[:_MOST_NEAR]
        return steps

    def _to_alternate(
        self, exchange: Exchange, alternate: Setting, found: Matched, outcome: Outcome, depth: int
    ) -> Step:
        name = alternate.value
        from_where = f"alternate exchange by {alternate.source}"
        target = self.topology.exchanges.get(name)
        if found.sure or (found.one_of and found.always and found.maybe):
            reason = f"{from_where}; not used, because at least one binding matches"
            return Step(
                "exchange",
                name,
                "skipped",
                reason,
                via="alternate",
                type=target.type if target else "",
            )
        if target is None:
            reason = f"{from_where}, but no exchange of this name exists: the message isn't routed"
            return Step("exchange", name, "no", reason, via="alternate")
        if found.maybe or "bindings" not in self.topology.whole:
            reason = f"{from_where}; used only if none of the exchange's bindings matches"
            return self.tree(target, "maybe", reason, depth, via="alternate")
        if name == DEFAULT:
            reason = (
                f"{from_where}; the default exchange has no stored bindings, so it routes nothing when it "
                "is an alternate exchange"
            )
            return Step("exchange", name, "no", reason, via="alternate", type=target.type)
        reason = (
            f"{from_where}; used, because no binding of {shown_exchange(exchange.name)} matches"
        )
        return self.tree(target, outcome, reason, depth, via="alternate")


def by_name(topology: Topology, message: Message) -> tuple[list[str], list[str], Step]:
    """Route by the default exchange: to the queue whose name is the key. Return the queues that get
    it, those that may (if not all queues are known), and the tree."""
    queues: list[str] = []
    possible: list[str] = []
    steps: list[Step] = []
    for key in sorted(set(message.keys)):
        queue = topology.queues.get(key)
        if queue is not None:
            queues.append(key)
            steps.append(
                Step(
                    "queue",
                    key,
                    "yes",
                    "a queue has the name of the key",
                    via="name",
                    type=queue.type,
                )
            )
        elif key.startswith("amq.rabbitmq.reply-to"):
            possible.append(key)
            steps.append(
                Step(
                    "queue",
                    key,
                    "maybe",
                    "direct reply-to: the client that waits, if it still does",
                    via="name",
                )
            )
        elif "queues" not in topology.whole:
            possible.append(key)
            reason = f"no queue named {shown(key)} is known, but not all queues are"
            steps.append(Step("queue", key, "maybe", reason, via="name"))
        else:
            named = (
                f"no queue is named {shown(key)}"
                if key
                else "the key is empty, and no queue has an empty name"
            )
            steps.append(Step("queue", key, "no", named, via="name"))
    root = Step(
        "exchange",
        DEFAULT,
        "yes",
        f"published here with {counted(len(message.keys), 'key')}"
        if len(message.keys) > 1
        else "published here",
        via="publish",
        type="direct",
        steps=tuple(steps),
    )
    return queues, possible, root
