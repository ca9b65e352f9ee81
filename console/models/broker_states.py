"""The states that a broker is shown in."""

from __future__ import annotations

from django.db import models


class PollState(models.TextChoices):
    """What the last polls say. The other states of SHOWN_STATES are not stored: they are read off the
    failures, the clock, the switch and the last figures when shown (BrokerStatus.shown_state)."""

    NEW = "new", "Not polled yet"
    REACHABLE = "reachable", "Reachable"
    REFUSED = "refused", "Refused"
    UNREACHABLE = "unreachable", "Unreachable"


#: A broker that answers, and of which something is not as it should be; the worst first. *restricted*: the
#: user it is polled with may not see all of it. *slow*: see BrokerStatus.is_slow.
IMPAIRED = ("partitioned", "node_down", "restricted", "draining", "slow")
#: States of a broker whose figures are still the present ones. *failing*: its last poll failed, by
#: something that often passes; the next one decides.
ANSWERING = ("reachable", "failing", *IMPAIRED)
#: Every state that a broker may be shown in.
SHOWN_STATES = (*ANSWERING, "refused", "unreachable", "stale", "new", "disabled")
#: Of BrokerQuerySet.with_shown_state: up to here somebody should look.
TROUBLED = 3
#: A broker that takes this long to answer one request is slow.
SLOW_ANSWER_MS = 2_000
