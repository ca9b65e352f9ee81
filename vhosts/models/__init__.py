from vhosts.models.backups import Backup, BackupSchedule, ImportDraft
from vhosts.models.exchanges import Exchange
from vhosts.models.polls import Poll
from vhosts.models.queues import Queue
from vhosts.models.rollups import QueueRollup1h, QueueRollup5m
from vhosts.models.snapshots import BrokerSample, QueueSnapshot, RecentSnapshot
from vhosts.models.spans import KnownSpan, RollupGap, RollupMark
from vhosts.models.vhosts import VirtualHost

__all__ = [
    "Backup",
    "BackupSchedule",
    "BrokerSample",
    "Exchange",
    "ImportDraft",
    "KnownSpan",
    "Poll",
    "Queue",
    "QueueRollup1h",
    "QueueRollup5m",
    "QueueSnapshot",
    "RecentSnapshot",
    "RollupGap",
    "RollupMark",
    "VirtualHost",
]
