"""The sections of a definitions file, collected from the kinds."""

from __future__ import annotations

from collections.abc import Mapping

from console.kinds.common.rows import ReadComponent, ReadRow
from console.kinds.registry import KINDS

_BY_ORDER = sorted(KINDS.values(), key=lambda kind: kind.section.order)
#: In the order in which RabbitMQ imports them. Parameters come after vhosts, because they may hold
#: their limits.
SECTIONS: Mapping[str, ReadRow] = {
    kind.section.name: kind.section.read for kind in _BY_ORDER if kind.section.read is not None
}
#: Sections in a file of a single virtual host.
INSIDE = tuple(
    kind.section.name
    for kind in _BY_ORDER
    if kind.section.read is not None and kind.section.in_vhost_files
)
#: The kinds that each section contains.
KINDS_OF: Mapping[str, frozenset[str]] = {
    name: frozenset(kind.name for kind in KINDS.values() if kind.section.name == name)
    for name in SECTIONS
}
ROW_KEYS: Mapping[str, frozenset[str]] = {
    kind.section.name: kind.section.keys for kind in _BY_ORDER if kind.section.read is not None
}
#: Readers of what is stored among the parameters, by component.
COMPONENTS: Mapping[str, ReadComponent] = {
    kind.section.component: kind.section.read_component
    for kind in KINDS.values()
    if kind.section.read_component is not None
}
