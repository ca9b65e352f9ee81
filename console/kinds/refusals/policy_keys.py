"""What RabbitMQ refuses in a policy or operator policy, by version.

Sources: `rabbit_policies.erl`, `rabbit_mirror_queue_misc.erl`,
`rabbit_queue_location_validator.erl`, `rabbit_federation_parameters.erl`, and the answers of
3.10.8, 4.0.5 and 4.3.6 (`tests/truth/policy.jsonl`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from console.kinds.refusals.checks import (
    Check,
    age,
    between,
    not_negative,
    number,
    one_of,
    positive,
    segment,
    text,
    whole_time,
)
from console.kinds.refusals.patterns import slips
from console.kinds.refusals.versions import BrokerFacts, Fault

STRIP_MIRRORING = "strip_cmq_keys_from_policies"
#: Removed in RabbitMQ 4.0.
MIRRORING = (
    "ha-mode", "ha-params", "ha-sync-mode", "ha-sync-batch-size", "ha-promote-on-shutdown",
    "ha-promote-on-failure",
)  # fmt: skip
_FEDERATION = ("federation-upstream", "federation-upstream-set", "federation-upstream-pattern")
#: Plugins that provide the federation keys: at least one must run.
FEDERATION_PLUGINS = (
    "rabbitmq_federation", "rabbitmq_federation_common", "rabbitmq_queue_federation",
    "rabbitmq_exchange_federation",
)  # fmt: skip
_OF_SHARDING = ("shards-per-node", "routing-key")
#: Values of apply-to that name a queue type.
_BY_TYPE = ("classic_queues", "quorum_queues", "streams")


@dataclass(frozen=True, slots=True)
class _Key:
    """A key of policies. `since` and `until`: the versions in which policies have it. `operator`:
    the first version in which operator policies have it; None for never. `first`: a different check
    before a version."""

    check: Check
    since: str = ""
    until: str = ""
    operator: str | None = None
    first: tuple[str, Check] | None = None

    def check_of(self, facts: BrokerFacts) -> Check:
        if self.first is not None and not facts.at_least(self.first[0]):
            return self.first[1]
        return self.check


_LIMIT = _Key(not_negative, operator="")
_KEYS: Mapping[str, _Key] = {
    "alternate-exchange": _Key(text),
    "consumer-timeout": _Key(not_negative, since="3.11"),
    "dead-letter-exchange": _Key(text),
    "dead-letter-routing-key": _Key(text),
    "dead-letter-strategy": _Key(one_of("at-most-once", "at-least-once")),
    "delayed-retry-max": _Key(not_negative, since="4.1", operator="4.1"),
    "delayed-retry-min": _Key(not_negative, since="4.1", operator="4.1"),
    "delayed-retry-type": _Key(
        one_of("all", "failed", "returned", "disabled"), since="4.1", operator="4.1"
    ),
    "consumer-disconnected-timeout": _Key(not_negative, since="4.1"),
    "delivery-limit": _Key(number, operator="", first=("4.0", not_negative)),
    "expires": _Key(whole_time, operator=""),
    "message-ttl": _LIMIT,
    "max-length": _LIMIT,
    "max-length-bytes": _LIMIT,
    "max-in-memory-length": _LIMIT,
    "max-in-memory-bytes": _LIMIT,
    "max-age": _Key(age),
    "initial-cluster-size": _Key(positive),
    "overflow": _Key(one_of("drop-head", "reject-publish", "reject-publish-dlx"), operator="3.11"),
    "queue-leader-locator": _Key(one_of("client-local", "balanced", "random", "least-leaders")),
    "queue-master-locator": _Key(
        one_of("client-local", "min-masters", "random"), until="4.3", operator="3.11"
    ),
    "queue-mode": _Key(one_of("default", "lazy")),
    "queue-version": _Key(between(1, 2), operator="3.11"),
    "stream-filter-size-bytes": _Key(between(16, 255), since="3.11"),
    "stream-max-segment-size-bytes": _Key(segment),
    "target-group-size": _Key(positive, since="3.11", operator="3.11"),
    **{name: _Key(text) for name in _FEDERATION},
    "ha-mode": _Key(one_of("all", "exactly", "nodes"), until="4.0", operator="3.11"),
    "ha-params": _Key(lambda value: "", until="4.0", operator="3.11"),
    "ha-sync-mode": _Key(one_of("manual", "automatic"), until="4.0", operator="3.11"),
    "ha-sync-batch-size": _Key(positive, until="4.0"),
    "ha-promote-on-shutdown": _Key(one_of("always", "when-synced"), until="4.0"),
    "ha-promote-on-failure": _Key(one_of("always", "when-synced"), until="4.0"),
}


#: What each check is tried with, to describe the values it accepts.
_PROBES: Sequence[Any] = (object(), -1, 0, 10**18)


def known_keys(facts: BrokerFacts, *, operator: bool) -> list[tuple[str, str]]:
    """Return the keys that policies or operator policies of this broker can set, each with the values
    that it takes: "whole number, not negative"."""
    found = []
    for name, key in sorted(_KEYS.items()):
        since = key.operator if operator else key.since
        missing = name in _FEDERATION and facts.lacks_plugin(*FEDERATION_PLUGINS)
        if since is not None and facts.at_least(since) and facts.before(key.until) and not missing:
            found.append((name, _described(key.check_of(facts))))
    return found


def _described(check: Check) -> str:
    said = dict.fromkeys(filter(None, map(check, _PROBES)))
    return ", ".join(re.sub(r"^must (not )?be (a )?", r"\1", one) for one in said) or "any value"


def faults(spec: Mapping[str, Any], facts: BrokerFacts, *, operator: bool) -> Iterator[Fault]:
    """Yield what the broker would refuse in a policy, except its pattern."""
    if spec["apply_to"] in _BY_TYPE and not facts.at_least("3.12"):
        yield Fault(
            "apply_to",
            f"{facts.called} can't apply a policy to {spec['apply_to']} only; 3.12 and later can. "
            "Use queues.",
        )
    for sentence in slips(spec["pattern"]):
        yield Fault("pattern", sentence, refuses=False)
    definition = spec["definition"]
    for name, value in definition.items():
        yield from _of_key(name, value, facts, operator)
    named = [name for name in _FEDERATION if name in definition]
    if len(named) > 1:
        yield _fault(named[0], f"{facts.called} refuses {' and '.join(named)} together.")
    if named and facts.lacks_plugin(*FEDERATION_PLUGINS):
        yield _fault(
            named[0],
            f"{facts.called} has no key {named[0]} because the plugin rabbitmq_federation isn't "
            f"enabled there{facts.polled}.",
        )
    retry = definition.get("delayed-retry-type", "disabled")
    if retry != "disabled" and "delayed-retry-min" not in definition:
        yield _fault(
            "delayed-retry-type",
            f"{facts.called} refuses delayed-retry-type without delayed-retry-min.",
        )
    if not operator:
        yield from _of_mirroring(definition, facts)


def _of_key(name: str, value: Any, facts: BrokerFacts, operator: bool) -> Iterator[Fault]:
    key = _KEYS.get(name)
    what = "operator policies" if operator else "policies"
    if key is None and name in _OF_SHARDING and not facts.lacks_plugin("rabbitmq_sharding"):
        return
    if key is None:
        close = get_close_matches(name.replace("_", "-").removeprefix("x-").lower(), _KEYS, 1, 0.75)
        if not close and facts.has_foreign_plugins:
            return
        meant = f" Did you mean {close[0]}?" if close else ""
        yield _fault(name, f"{facts.called} has no key {name[:80]} for {what}.{meant}")
        return
    if not facts.before(key.until):
        yield _fault(name, f"{facts.called} has no key {name}: it was removed in {key.until}.")
    elif not facts.at_least(key.since):
        yield _fault(name, f"{facts.called} has no key {name}; later versions have.")
    elif operator and (key.operator is None or not facts.at_least(key.operator)):
        yield _fault(name, f"{facts.called} has no key {name} for operator policies.")
    elif wrong := key.check_of(facts)(value):
        yield _fault(name, f"The key {name} {wrong} ({facts.called}).")


def _of_mirroring(definition: Mapping[str, Any], facts: BrokerFacts) -> Iterator[Fault]:
    """Check that the mirroring keys fit together, on brokers that still have them."""
    if not facts.before("4.0"):
        return
    mode, params = definition.get("ha-mode"), definition.get("ha-params")
    named: Sequence[str] = [name for name in definition if name in MIRRORING]
    if named and "ha-mode" not in definition:
        yield _fault(named[0], f"{facts.called} refuses {named[0]} without ha-mode.")
    elif mode == "all" and "ha-params" in definition:
        yield _fault("ha-params", f"{facts.called} refuses ha-params with ha-mode all.")
    elif mode == "exactly" and (type(params) is not int or params < 1):
        yield _fault(
            "ha-params", f"{facts.called} needs a whole number in ha-params for ha-mode exactly."
        )
    elif mode == "nodes" and not (
        isinstance(params, list) and params and all(isinstance(node, str) for node in params)
    ):
        yield _fault("ha-params", f"{facts.called} needs a list of nodes for ha-mode nodes.")


def _fault(name: str, sentence: str) -> Fault:
    return Fault("definition", sentence, STRIP_MIRRORING if name in MIRRORING else "")
