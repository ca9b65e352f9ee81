"""Models of objects inside brokers: virtual hosts, queues, policies, history, definitions."""

from vhosts.bindings.model import Binding
from vhosts.definitions.model import Backup, BackupSchedule, ImportDraft
from vhosts.diagnosis.model import ClusterReport, IgnoredFinding
from vhosts.exchanges.model import Exchange
from vhosts.federation.model import FederationLink, FederationUpstream, FederationUpstreamSet
from vhosts.history.tables.polls import Poll
from vhosts.history.tables.rollups import QueueRollup1h, QueueRollup5m
from vhosts.history.tables.snapshots import BrokerSample, QueueSnapshot, RecentSnapshot
from vhosts.history.tables.spans import KnownSpan, RollupGap, RollupMark
from vhosts.noise.model import NoisePattern
from vhosts.parameters.model import GlobalParameter, Parameter
from vhosts.policies.model import OperatorPolicy, Policy
from vhosts.queues.model import Queue
from vhosts.shovels.model import Shovel
from vhosts.virtual_hosts.model import VirtualHost

__all__ = [
    "Backup",
    "BackupSchedule",
    "Binding",
    "BrokerSample",
    "ClusterReport",
    "Exchange",
    "FederationLink",
    "FederationUpstream",
    "FederationUpstreamSet",
    "GlobalParameter",
    "IgnoredFinding",
    "ImportDraft",
    "KnownSpan",
    "NoisePattern",
    "OperatorPolicy",
    "Parameter",
    "Policy",
    "Poll",
    "Queue",
    "QueueRollup1h",
    "QueueRollup5m",
    "QueueSnapshot",
    "RecentSnapshot",
    "RollupGap",
    "RollupMark",
    "Shovel",
    "VirtualHost",
]
