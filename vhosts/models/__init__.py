"""Models of objects inside brokers: virtual hosts, queues, policies, history, definitions, alerts."""

from vhosts.alerts.channels.model import AlertChannel
from vhosts.alerts.notifications.model import AlertDelivery, AlertNotification
from vhosts.alerts.tables.incidents import AlertEvent, AlertIncident
from vhosts.alerts.tables.rules import (
    AlertBaseline,
    AlertEvaluation,
    AlertOwner,
    AlertRule,
    MaintenanceWindow,
)
from vhosts.bindings.model import Binding
from vhosts.dashboards.model import Dashboard, FleetDensity
from vhosts.definitions.model import Backup, BackupSchedule, ImportDraft
from vhosts.diagnosis.model import ClusterReport, IgnoredFinding
from vhosts.exchanges.model import Exchange
from vhosts.federation.model import FederationLink, FederationUpstream, FederationUpstreamSet
from vhosts.history.tables.polls import Poll
from vhosts.history.tables.rates import (
    QueueRate,
    RateCounters,
    RateRollup1h,
    RateRollup5m,
    RateSpan,
)
from vhosts.history.tables.rollups import QueueRollup1h, QueueRollup5m
from vhosts.history.tables.snapshots import BrokerSample, QueueSnapshot, RecentSnapshot
from vhosts.history.tables.spans import KnownSpan, RollupGap, RollupMark
from vhosts.live.model import LiveChannel, LiveConnection, LiveConsumer, LiveReading
from vhosts.messages.dead_letters.model import (
    DeadLetterCount,
    DeadLetterGroup,
    DeadLetterReplay,
    DeadLetterSample,
    DeadLetterSetting,
    EditedLetter,
)
from vhosts.messages.listening.model import Tap, TapSlice, TapViewer
from vhosts.messages.masking.model import MaskingRule
from vhosts.messages.moving.model import CopiedMessages, MessageJob, MessageOutcome
from vhosts.messages.peeking.model import KeptMessages, QueuePeeks
from vhosts.messages.publishing.batches.model import PublishBatch, PublishLine
from vhosts.messages.publishing.model import PublishRequest
from vhosts.messages.publishing.saved.model import MessageTemplate
from vhosts.nodes.model import Node, NodeSample
from vhosts.noise.model import NoisePattern
from vhosts.parameters.model import GlobalParameter, Parameter
from vhosts.policies.model import OperatorPolicy, Policy
from vhosts.queues.model import Queue
from vhosts.shovels.model import Shovel
from vhosts.virtual_hosts.model import VirtualHost

__all__ = [
    "AlertBaseline",
    "AlertChannel",
    "AlertDelivery",
    "AlertEvaluation",
    "AlertEvent",
    "AlertIncident",
    "AlertNotification",
    "AlertOwner",
    "AlertRule",
    "Backup",
    "BackupSchedule",
    "Binding",
    "BrokerSample",
    "ClusterReport",
    "CopiedMessages",
    "Dashboard",
    "DeadLetterCount",
    "DeadLetterGroup",
    "DeadLetterReplay",
    "DeadLetterSample",
    "DeadLetterSetting",
    "EditedLetter",
    "Exchange",
    "FederationLink",
    "FederationUpstream",
    "FederationUpstreamSet",
    "FleetDensity",
    "GlobalParameter",
    "IgnoredFinding",
    "ImportDraft",
    "KeptMessages",
    "KnownSpan",
    "LiveChannel",
    "LiveConnection",
    "LiveConsumer",
    "LiveReading",
    "MaintenanceWindow",
    "MaskingRule",
    "MessageJob",
    "MessageOutcome",
    "MessageTemplate",
    "Node",
    "NodeSample",
    "NoisePattern",
    "OperatorPolicy",
    "Parameter",
    "Policy",
    "Poll",
    "PublishBatch",
    "PublishLine",
    "PublishRequest",
    "Queue",
    "QueuePeeks",
    "QueueRate",
    "QueueRollup1h",
    "QueueRollup5m",
    "QueueSnapshot",
    "RateCounters",
    "RateRollup1h",
    "RateRollup5m",
    "RateSpan",
    "RecentSnapshot",
    "RollupGap",
    "RollupMark",
    "Shovel",
    "Tap",
    "TapSlice",
    "TapViewer",
    "VirtualHost",
]
