"""All types of alert rules, by key."""

from __future__ import annotations

from collections.abc import Mapping

from vhosts.alerts.types.declare import RuleType
from vhosts.alerts.types.of_brokers import OF_BROKERS
from vhosts.alerts.types.of_console import OF_CONSOLE
from vhosts.alerts.types.of_nodes import OF_NODES
from vhosts.alerts.types.of_objects import OF_OBJECTS
from vhosts.alerts.types.of_queues import OF_QUEUES
from vhosts.alerts.types.of_stored_nodes import OF_STORED_NODES

_ALL = (*OF_BROKERS, *OF_NODES, *OF_STORED_NODES, *OF_QUEUES, *OF_OBJECTS, *OF_CONSOLE)
TYPES: Mapping[str, RuleType] = {one.key: one for one in _ALL}
