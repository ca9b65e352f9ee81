"""The states in which a broker is shown."""

from __future__ import annotations

from django.db import models


class PollState(models.TextChoices):
    """The result of the last polls. The other states of SHOWN_STATES aren't stored:
    BrokerStatus.shown_state derives them from the failures, the clock, `enabled` and the last
    figures.
    """

    NEW = "new", "Not polled yet"
    REACHABLE = "reachable", "Reachable"
    REFUSED = "refused", "Refused"
    UNREACHABLE = "unreachable", "Unreachable"


#: States of a broker that answers but has a problem, worst first. *restricted*: the console's user
#: may not see everything. *slow*: see BrokerStatus.is_slow.
IMPAIRED = ("partitioned", "node_down", "restricted", "draining", "slow")
#: States of a broker whose figures are current. *failing*: its last poll failed with an error that
#: often passes; the next poll decides.
ANSWERING = ("reachable", "failing", *IMPAIRED)
#: Every state that a broker may be shown in.
SHOWN_STATES = (*ANSWERING, "refused", "unreachable", "stale", "new", "disabled")
#: In BrokerQuerySet.with_shown_state: somebody should look at a broker with `attention` up to this.
TROUBLED = 3
#: A broker that takes at least this long to answer one request is slow.
SLOW_ANSWER_MS = 2_000
