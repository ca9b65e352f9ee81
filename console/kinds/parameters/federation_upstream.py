"""Federation upstreams: other brokers whose exchanges and queues a policy federates here.

An upstream is a runtime parameter of the component federation-upstream.
"""

from __future__ import annotations

from console.kinds.common.kind import Field
from console.kinds.common.parameters import component_kind
from console.kinds.common.values import table
from console.kinds.refusals.policy_keys import FEDERATION_PLUGINS
from console.kinds.refusals.upstreams import upstream_problems

FEDERATION_UPSTREAM = component_kind(
    component="federation-upstream",
    name="federation_upstream",
    noun="federation upstream",
    value=Field("value", {}, table, label="settings"),
    plugins=FEDERATION_PLUGINS,
    problems=upstream_problems,
    reaches_elsewhere=True,
)
