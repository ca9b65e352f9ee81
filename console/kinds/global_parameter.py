"""Global runtime parameters, which belong to the whole cluster.

Source: `rabbit_mgmt_wm_global_parameter.erl`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from console.kinds.common.kind import Field, Key, Kind, Line, SpecError, Step
from console.kinds.common.parameters import align, json_word, spec_of
from console.kinds.common.rows import Level, Row, Section, Taker
from console.kinds.common.secrets import UriPasswords
from console.kinds.common.shell import shell_word
from console.kinds.common.values import any_json
from console.kinds.common.wire import Named

#: Parameters of the cluster itself: never copied to another one, never deleted.
CLUSTERS_OWN = frozenset({"internal_cluster_id", "cluster_name", "imported_definition_hash_value"})


def _read_row(reader: Taker, row: Row) -> None:
    name = reader.name("global_parameter", row)
    if name in CLUSTERS_OWN:
        raise reader.left(Level.NOTE, "name", f"Skipped because {name} is specific to its cluster.")
    if "value" not in row:
        raise SpecError("value", "value is missing.")
    reader.take("global_parameter", (name,), {"value": row["value"]})


def _emit(key: Key, spec: Mapping[str, Any]) -> Iterator[tuple[str, Row]]:
    yield "global_parameters", {"name": key[0], **spec}


def _rabbitmqctl(step: Step) -> Sequence[Line]:
    name = shell_word(step.key[0])
    if step.spec is None:
        return [["clear_global_parameter", name]]
    return [["set_global_parameter", name, json_word(step.spec["value"])]]


GLOBAL_PARAMETER = Kind(
    name="global_parameter",
    noun="global parameter",
    identity=("name",),
    fields=(Field("value", None, any_json),),
    rank=55,
    wire=Named(
        "global-parameters",
        ("name",),
        spec=spec_of,
        body=lambda key, spec: {"name": key[0], "value": spec["value"]},
    ),
    section=Section(
        name="global_parameters",
        order=60,
        keys=frozenset({"name", "value"}),
        read=_read_row,
        emit=_emit,
        in_vhost_files=False,
    ),
    align=align,
    secrets=UriPasswords("value"),
    rabbitmqctl=_rabbitmqctl,
    brokers_own=frozenset((name,) for name in (*CLUSTERS_OWN, "cluster_tags")),
)
