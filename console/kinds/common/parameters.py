"""What kinds have in common whose objects are runtime parameters of one component: shovels,
federation upstreams and upstream sets.

Source: `rabbit_mgmt_wm_parameter.erl`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from console.kinds.common.acts import Act
from console.kinds.common.kind import Field, Key, Kind, Line, Ref, Spec, SpecError, Step
from console.kinds.common.rows import Row, Section, Taker
from console.kinds.common.secrets import UriPasswords
from console.kinds.common.shell import shell_word
from console.kinds.common.wire import Call, Get, Named
from console.kinds.refusals.versions import BrokerFacts, Fault

COLLECTION = "parameters"
#: Last: a running shovel or upstream declares the queue it needs if it is missing, of another type
#: than in the file, and publishes to exchanges whose bindings don't exist yet.
RANK = 95


def spec_of(row: Row) -> Row:
    """Return the spec of a row of the management API."""
    return {"value": row.get("value")}


class _OfComponent(Named):
    """The wire of the parameters of one component."""

    def __init__(self, component: str) -> None:
        super().__init__(
            COLLECTION,
            ("vhost", "name"),
            spec=spec_of,
            body=lambda key, spec: {"value": spec["value"]},
        )
        self._component = component

    def listing(self) -> Sequence[Get]:
        return [Get((COLLECTION, self._component))]

    def one(self, key: Key) -> Sequence[Get]:
        return [Get((COLLECTION, self._component, *key))]

    def writes(self, key: Key, spec: Spec, before: Spec | None) -> Iterable[Call]:
        yield Call("PUT", (COLLECTION, self._component, *key), self._body(key, spec))

    def delete(self, key: Key, answers: Sequence[Row], *, if_empty: bool) -> Call:
        return Call("DELETE", (COLLECTION, self._component, *key))

    def located(self, segments: Sequence[str], body: Mapping[str, Any]) -> Key | None:
        if len(segments) != 4 or tuple(segments[:2]) != (COLLECTION, self._component):
            return None
        return tuple(segments[2:])


def align(wanted: dict[str, Any], seen: dict[str, Any]) -> None:
    """Give empty lists and objects the form that the broker has: versions before 4.2.6 answer an
    empty list for an empty object."""
    for name in wanted.keys() & seen.keys():
        wanted[name] = _aligned(wanted[name], seen[name])


def _aligned(wanted: Any, seen: Any) -> Any:
    if wanted in ([], {}) and seen in ([], {}):
        return seen
    if isinstance(wanted, Mapping) and isinstance(seen, Mapping):
        return {
            name: _aligned(value, seen[name]) if name in seen else value
            for name, value in wanted.items()
        }
    if isinstance(wanted, list) and isinstance(seen, list) and len(wanted) == len(seen):
        return [_aligned(one, other) for one, other in zip(wanted, seen, strict=True)]
    return wanted


def commands(component: str, step: Step) -> Sequence[Line]:
    """Return the rabbitmqctl lines of a step on a parameter with the key (vhost, name)."""
    vhost, name = map(shell_word, step.key)
    words = ["-p", vhost, shell_word(component), name]
    if step.spec is None:
        return [["clear_parameter", *words]]
    return [["set_parameter", *words, json_word(step.spec["value"])]]


def json_word(value: Any) -> str:
    """Return a value as JSON, as one word of a shell."""
    return shell_word(json.dumps(value, ensure_ascii=False))


def component_kind(
    *,
    component: str,
    name: str,
    noun: str,
    value: Field,
    plugins: tuple[str, ...],
    problems: Callable[[Any, BrokerFacts], Iterable[tuple[str, str]]],
    reaches_elsewhere: bool,
    acts: Sequence[Act] = (),
) -> Kind:
    """Return the kind of the parameters of a component. `value` is its only field. One of `plugins`
    has to run. `problems` yields why a broker would refuse a value: the key in it ("" for none) and
    one sentence."""

    def read_component(reader: Taker, vhost: str, called: str, said: Any) -> None:
        if not isinstance(said, type(value.default)):
            form = "an object" if isinstance(value.default, dict) else "a list"
            raise SpecError("value", f"value must be {form}.")
        reader.take(name, (vhost, called), {"value": said})

    def emit(key: Key, spec: Mapping[str, Any]) -> Iterator[tuple[str, Row]]:
        yield COLLECTION, {"component": component, "vhost": key[0], "name": key[1], **spec}

    def faults(key: Key, spec: Spec, facts: BrokerFacts) -> Iterable[Fault]:
        if facts.lacks_plugin(*plugins):
            yield Fault(
                "value",
                f"{facts.called} has no parameters {component} because the plugin {plugins[0]} "
                f"isn't enabled there{facts.polled}. Enable it, or leave out runtime parameters.",
                "exclude_runtime_parameters",
            )
        for _, sentence in problems(spec["value"], facts):
            yield Fault("value", sentence)

    return Kind(
        name=name,
        noun=noun,
        identity=("vhost", "name"),
        fields=(value,),
        rank=RANK,
        vhost_at=0,
        wire=_OfComponent(component),
        section=Section(
            name=COLLECTION,
            order=50,
            emit=emit,
            component=component,
            read_component=read_component,
        ),
        called="{1} in {0}",
        stands_on=lambda key: [Ref("vhost", (key[0],))],
        align=align,
        faults=faults,
        secrets=UriPasswords("value"),
        reaches_elsewhere=lambda key, spec: reaches_elsewhere,
        rabbitmqctl=lambda step: commands(component, step),
        acts={act.name: act for act in acts},
    )
