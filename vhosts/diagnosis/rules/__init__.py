"""The rules. Each module has those of one subject; `RULES` is all of them, the worst harm first."""

from vhosts.diagnosis.finding import Harm
from vhosts.diagnosis.rules import dead_letters, nodes, policies, queues, routing, users

_ORDER = list(Harm)
RULES = tuple(
    sorted(
        (rule for module in (routing, dead_letters, queues, policies, users, nodes) for rule in module.RULES),
        key=lambda rule: _ORDER.index(rule.harm),
    )
)  # fmt: skip
BY_NAME = {rule.name: rule for rule in RULES}
