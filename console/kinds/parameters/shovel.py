"""Dynamic shovels: they move messages from a queue or exchange to another, also between brokers.

A shovel is a runtime parameter of the component shovel.
"""

from __future__ import annotations

from console.kinds.common.kind import Field
from console.kinds.common.parameters import component_kind
from console.kinds.common.values import table
from console.kinds.refusals.shovels import problems

SHOVEL = component_kind(
    component="shovel",
    name="shovel",
    noun="shovel",
    value=Field("value", {}, table, label="settings"),
    plugins=("rabbitmq_shovel",),
    problems=problems,
    reaches_elsewhere=True,
)
