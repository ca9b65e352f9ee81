"""Models of brokers, changes, the audit log and the console's own jobs."""

from console.models.audit import AuditEntry
from console.models.broker_states import PollState
from console.models.broker_status import BrokerStatus
from console.models.brokers import Broker, Environment
from console.models.changes import (
    OPEN_CHANGES,
    OPEN_STEPS,
    WRITES,
    Attempt,
    BrokerLease,
    Change,
    ChangeState,
    ManagedObject,
    Step,
    StepState,
    Sync,
)
from console.models.deleted_with import DeletedWith
from console.models.heartbeats import Heartbeat
from console.models.jobs import JobRun

__all__ = [
    "OPEN_CHANGES",
    "OPEN_STEPS",
    "WRITES",
    "Attempt",
    "AuditEntry",
    "Broker",
    "BrokerLease",
    "BrokerStatus",
    "Change",
    "ChangeState",
    "DeletedWith",
    "Environment",
    "Heartbeat",
    "JobRun",
    "ManagedObject",
    "PollState",
    "Step",
    "StepState",
    "Sync",
]
