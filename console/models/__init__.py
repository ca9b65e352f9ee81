from console.models.audit import AuditEntry
from console.models.brokers import Broker, BrokerStatus, Environment, PollState
from console.models.heartbeats import Heartbeat

__all__ = ["AuditEntry", "Broker", "BrokerStatus", "Environment", "Heartbeat", "PollState"]
