"""Runtime parameters of a virtual host: shovels, federation upstreams and others that plugins use.

Source: `rabbit_mgmt_wm_parameter.erl`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from console.kinds.common.kind import Field, Key, Kind, Ref, Spec, SpecError
from console.kinds.common.rows import Row, Section, Taker
from console.kinds.common.secrets import UriPasswords
from console.kinds.common.values import any_json
from console.kinds.common.wire import Named
from console.kinds.refusals.policy_keys import FEDERATION_PLUGINS
from console.kinds.refusals.versions import BrokerFacts, Fault

_NAMES = ("component", "vhost", "name")
#: Components that make the broker connect elsewhere.
_REACHING = ("shovel", "federation-upstream")
#: Components that belong to other kinds.
_OTHERS = ("policy", "operator_policy", "vhost-limits")
#: By component: the plugins that provide it; one of them has to run.
_PLUGINS = {
    "shovel": ("rabbitmq_shovel",),
    "federation-upstream": FEDERATION_PLUGINS,
    "federation-upstream-set": FEDERATION_PLUGINS,
}


def _reaches_elsewhere(key: Key, spec: Spec | None) -> bool:
    return key[0] in _REACHING or "://" in json.dumps((spec or {}).get("value"))


def _read_row(reader: Taker, row: Row) -> None:
    component, vhost = reader.name("parameter", row, "component"), reader.vhost_of(row)
    if "value" not in row:
        raise SpecError("value", "value is missing.")
    read = reader.components.get(component)
    if read is not None:
        name = "" if component == "vhost-limits" else reader.name("parameter", row)
        read(reader, vhost, name, row["value"])
        return
    name = reader.name("parameter", row)
    reader.take("parameter", (component, vhost, name), {"value": row["value"]})


def _emit(key: Key, spec: Mapping[str, Any]) -> Iterator[tuple[str, Row]]:
    yield "parameters", {**dict(zip(_NAMES, key, strict=True)), **spec}


def _stands_on(key: Key) -> Iterable[Ref]:
    yield Ref("vhost", (key[1],))


def _why_lost(key: Key, row: Mapping[str, Any]) -> str | None:
    """The listing has what other kinds store among the parameters."""
    return None if key[0] in _OTHERS else ""


def _faults(key: Key, spec: Spec, facts: BrokerFacts) -> Iterable[Fault]:
    plugins = _PLUGINS.get(key[0])
    if plugins and facts.lacks_plugin(*plugins):
        yield Fault(
            "component",
            f"{facts.called} has no parameters {key[0]} because the plugin {plugins[0]} isn't "
            f"enabled there{facts.polled}. Enable it, or leave out runtime parameters.",
            "exclude_runtime_parameters",
        )


PARAMETER = Kind(
    name="parameter",
    noun="parameter",
    identity=_NAMES,
    fields=(Field("value", None, any_json),),
    # Last: a running shovel or upstream declares the queue it needs if it is missing, of another
    # type than in the file, and publishes to exchanges whose bindings don't exist yet.
    rank=95,
    vhost_at=1,
    wire=Named(
        "parameters",
        _NAMES,
        spec=lambda row: {"value": row.get("value")},
        body=lambda key, spec: {"value": spec["value"]},
    ),
    section=Section(
        name="parameters", order=50, keys=frozenset({*_NAMES, "value"}), read=_read_row, emit=_emit
    ),
    called="{2} ({0}) in {1}",
    stands_on=_stands_on,
    why_lost=_why_lost,
    faults=_faults,
    secrets=UriPasswords("value"),
    reaches_elsewhere=_reaches_elsewhere,
)
