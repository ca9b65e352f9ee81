"""What a change of a policy does, in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from console.faces.pages.words import counted, listed
from vhosts.policies.what_if.compare import Effect, Group, Outcome
from vhosts.policies.what_if.losses import Losses

#: Most sentences about groups; the rest is only counted.
_MOST = 12
_WORDS = {"P": "policy", "OP": "operator policy"}


def sentences(found: Outcome, sort: str, *, deleted: bool, most: int | None) -> Iterator[str]:
    """Yield everything worth knowing before the change. `most`: the number of queues and of
    exchanges that were looked at, if there are more; None if there aren't."""
    yield _matched(found, deleted=deleted)
    if most is not None:
        yield f"Only the first {most:,} queues and exchanges were compared."
    if found.compared < found.of:
        yield (
            f"Only {found.compared:,} of {found.of:,} queues and exchanges were "
            "compared because it took too long."
        )
    yield from _lost(found.losses)
    groups = sorted(found.groups.values(), key=lambda group: -group.count)
    for group in groups[:_MOST]:
        if group.effect.is_change:
            yield _effect(group, _WORDS[sort])
        yield from _limits_of(group)
    if len(groups) > _MOST:
        rest = sum(group.count for group in groups[_MOST:])
        yield f"{len(groups) - _MOST} more effects on {counted(rest, 'object')} aren't shown."
    for names, group in found.outranked.items():
        yield (
            f"It has no effect on {_objects(group)}, where {_named(names, _WORDS[sort])} has a higher "
            f"priority: {_sample(group)}."
        )
    for names, group in found.ties.items():
        yield (
            f"{listed(list(names))} have the same priority on {_objects(group)}: {_sample(group)}. "
            "RabbitMQ applies any one of them. Set different priorities."
        )
    if found.undecided:
        yield (
            f"Only the broker can tell whether a pattern matches {counted(found.undecided, 'object')}."
        )


def _matched(found: Outcome, *, deleted: bool) -> str:
    left_out = ""
    if found.unsuited and not deleted:
        left_out = (
            f" It doesn't apply to {counted(found.unsuited, 'queue')} with a matching name, whose type "
            f"doesn't support {listed(sorted(found.keys))}."
        )
    if not found.queues and not found.exchanges:
        return f"It matches no queues or exchanges.{left_out}"
    parts = [
        counted(number, noun)
        for number, noun in ((found.queues, "queue"), (found.exchanges, "exchange"))
        if number
    ]
    more = " and more" if found.queues + found.exchanges > len(found.sample) else ""
    return f"It matches {' and '.join(parts)}: {', '.join(found.sample)}{more}.{left_out}"


def _lost(losses: Losses) -> Iterator[str]:
    if losses.dropped:
        yield (
            f"RabbitMQ drops {counted(losses.dropped, 'message')} immediately, oldest first: "
            f"{_hold(losses.dropped_queues)} more than max-length allows (as of the last poll)."
        )
    if losses.dead_lettered:
        yield (
            f"RabbitMQ dead-letters {counted(losses.dead_lettered, 'message')} immediately, oldest "
            f"first: {_hold(losses.dead_lettered_queues)} more than max-length allows (as of the last poll)."
        )
    if losses.full:
        yield (
            f"{_hold(losses.full)} more than max-length allows (as of the last poll). RabbitMQ keeps "
            "these messages and rejects new ones until there is room."
        )
    if losses.unknown:
        yield (
            f"The depth of {counted(losses.unknown, 'queue')} is unknown. RabbitMQ drops messages over "
            "max-length immediately."
        )
    for text, one in losses.expiring.items():
        yield (
            f"RabbitMQ deletes {counted(one.queues, 'queue')} with all messages after {text} without "
            "consumers and gets."
        )
        if one.unused:
            yield (
                f"{counted(one.unused, 'queue')} had no consumers at the last poll, with "
                f"{counted(one.messages, 'message')}."
            )
    for text in losses.ttls:
        yield (
            f"Messages published from then on expire after {text}. Messages already in a queue keep "
            "their expiry."
        )


def _hold(queues: int) -> str:
    return f"{counted(queues, 'queue')} {'holds' if queues == 1 else 'hold'}"


def _effect(group: Group, word: str) -> str:
    effect = group.effect
    without_effect = {key for key, _ in effect.ignored}
    what = "; ".join(
        f"{one.key} {one.was} → {one.becomes}"
        for one in effect.changed
        if one.key not in without_effect
    )
    return (
        f"{_objects(group).capitalize()}: {what or 'no setting changes'} "
        f"({_policies(effect, word)}): {_sample(group)}."
    )


def _policies(effect: Effect, word: str) -> str:
    before, after = _named(effect.before, word), _named(effect.after, word)
    if effect.before == effect.after:
        return after
    if not effect.before:
        return f"{after} applies"
    if not effect.after:
        return f"no {word} applies after {before}"
    return f"{after} replaces {before}"


def _named(names: Sequence[str], word: str) -> str:
    return f"{word} {' or '.join(names)}" if names else f"no {word}"


def _limits_of(group: Group) -> Iterable[str]:
    """Yield why keys of the policy aren't in force on the objects of a group."""
    effect = group.effect
    objects = "queues" if effect.is_queue else "exchanges"
    where = f"these {objects}" if effect.is_change else f"{_objects(group)} ({_sample(group)})"
    for sentence in effect.overruled:
        yield f"On {where}, {sentence}."
    for key, why in effect.ignored:
        yield f"On {where}, {key} has no effect: {why}."


def _objects(group: Group) -> str:
    return counted(group.count, "queue" if group.effect.is_queue else "exchange")


def _sample(group: Group) -> str:
    return ", ".join(group.names) + (" and more" if group.count > len(group.names) else "")
