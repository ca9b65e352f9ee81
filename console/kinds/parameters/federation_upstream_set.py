"""Federation upstream sets: several upstreams under one name, for policies.

A set is a runtime parameter of the component federation-upstream-set.
"""

from __future__ import annotations

from console.kinds.common.kind import Field
from console.kinds.common.parameters import component_kind
from console.kinds.common.values import any_json
from console.kinds.refusals.policy_keys import FEDERATION_PLUGINS
from console.kinds.refusals.upstreams import set_problems

FEDERATION_UPSTREAM_SET = component_kind(
    component="federation-upstream-set",
    name="federation_upstream_set",
    noun="federation upstream set",
    value=Field("value", [], any_json, label="upstreams"),
    plugins=FEDERATION_PLUGINS,
    problems=set_problems,
    reaches_elsewhere=False,
)
