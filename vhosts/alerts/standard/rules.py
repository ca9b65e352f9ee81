"""The rules that operators take as standard, and five that no other set has.

Thresholds and times are those of awesome-prometheus-alerts, RabbitMQ's cluster operator, the
Grafana mixin, Zabbix's template and Datadog's monitors, in this order where they differ.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from vhosts.alerts.tables.choices import MessageType, Severity

MIN = 60
HOUR = 60 * MIN


@dataclass(frozen=True, slots=True)
class Standard:
    """A standard rule; `fields` are further fields of AlertRule."""

    key: str
    name: str
    type: str
    for_s: int
    severity: Severity
    description: str
    threshold: float | None = None
    clear: float | None = None
    fields: dict[str, Any] = field(default_factory=dict)


C, W, I = Severity.CRITICAL, Severity.WARNING, Severity.INFO  # noqa: E741

STANDARD = (
    Standard("broker-down", "Broker can't be seen", "broker_down", MIN, C,
             "No poll of the broker succeeds. Open the broker's page for the reason.", 0),
    Standard("too-few-nodes", "Fewer than 3 nodes run", "running_nodes", MIN, C,
             "Set the threshold to the number of nodes that the cluster should have.", 3),
    Standard("no-majority", "No majority of nodes runs", "no_majority", 5 * MIN, C,
             "Quorum queues and streams stop until a majority of nodes is back. Start the nodes that are down."),
    Standard("partition", "Cluster is partitioned", "partition", 0, C,
             "Nodes don't see each other. Check the network between them, then RabbitMQ's guide to partitions."),
    Standard("links-missing", "Links between nodes are missing", "links", 2 * MIN, C,
             "Nodes run, but some aren't connected to each other."),
    Standard("memory-alarm", "Memory alarm", "memory_alarm", 0, C,
             "RabbitMQ blocks all publishers until memory falls below the watermark.",
             fields={"keep_s": MIN}),
    Standard("disk-alarm", "Disk alarm", "disk_alarm", 0, C,
             "RabbitMQ blocks all publishers until more disk is free.", fields={"keep_s": MIN}),
    Standard("memory-high", "Memory near the watermark", "memory_used", 5 * MIN, W,
             "At 100 %, RabbitMQ blocks all publishers.", 90, 85),
    Standard("disk-forecast", "Disk will be full within a day", "disk_forecast", HOUR, W,
             "At this rate, the disk reaches its limit and publishers are blocked.", 24, 30),
    Standard("disk-low", "Free disk near the limit", "disk_free", 5 * MIN, C,
             "Free disk is less than 1.5 times the limit at which publishers are blocked.", 1.5, 2,
             {"reminder_s": 3 * HOUR}),
    Standard("file-descriptors", "File descriptors near their limit", "file_descriptors", 5 * MIN, W,
             "Without file descriptors, a node accepts no connections.", 90, 80),
    Standard("many-connections", "More than 1,000 connections", "connections", 2 * MIN, W,
             "Set the threshold to what is usual here.", 1000, 900),
    Standard("connection-churn", "Connections are opened too often", "connection_churn", 10 * MIN, W,
             "Applications should keep their connections open.", 10),
    Standard("ready-high", "More than 1,000 messages ready", "queue_messages", 2 * MIN, W,
             "Consumers are too slow, too few or stuck.", 1000, 800),
    Standard("unacked-high", "More than 1,000 messages unacked", "queue_messages", MIN, W,
             "Consumers took messages and don't acknowledge them.", 1000, 800,
             {"message_type": MessageType.UNACKED}),
    Standard("unacked-unusual", "Unusually many messages unacked", "queue_unusual", 5 * MIN, W,
             "Far more than on average over the last day.", 3, 2,
             {"message_type": MessageType.UNACKED}),
    Standard("queue-growing", "Queue grows", "queue_growth", 10 * MIN, W,
             "More is published than consumed.", 100, 0),
    Standard("no-consumers", "Messages without consumers", "queue_no_consumers", 10 * MIN, W,
             "Nobody reads this queue. Is the application down?", 0),
    Standard("single-consumer", "More than one consumer", "queue_consumers", MIN, C,
             "Set the pattern to the queues that may have only one consumer.", 1),
    Standard("dead-letters", "Dead letters arrive", "queue_messages", MIN, W,
             "Set the pattern to your dead-letter queues.", 10, 5, {"queue_pattern": "*dlq*"}),
    Standard("unroutable", "Unroutable messages", "exchange_unroutable", 2 * MIN, W,
             "No binding takes these messages: they are returned or lost.", 0.01, 0),
    Standard("exchange-quiet", "Too few messages to an exchange", "exchange_quiet", 2 * MIN, W,
             "Set the pattern to exchanges that always have traffic.", 5, 6),
    Standard("mixed-versions", "Nodes run different versions", "mixed_versions", HOUR, W,
             "An upgrade wasn't finished."),
    Standard("restarted", "Node restarted", "restarted", 0, I,
             "The node started less than 10 minutes ago.", 10),
    Standard("certificate", "Certificate expires within a month", "certificate", 0, W,
             "Clients can't connect with TLS after that.", 30, 31),
    Standard("vhost-down", "Virtual host doesn't run", "vhost_down", MIN, C,
             "Clients can't use it on these nodes. Restart the virtual host."),
    Standard("queue-unavailable", "Queue has no leader or home", "queue_unavailable", 15 * MIN, C,
             "Its node is down, or too few of its members are online."),
    Standard("slow-answer", "API answers slowly", "slow_answer", 5 * MIN, W,
             "The broker is busy, or the network is slow.", 2000, 1500),
    # Warren's own.
    Standard("redelivery", "Messages are redelivered", "queue_redelivery", 5 * MIN, W,
             "Consumers reject messages or lose their connections while they hold them.", 20, 10),
    Standard("member-down", "Member of a replicated queue is down", "queue_member_down", 5 * MIN, W,
             "One failure more may stop the queue.", 0),
    Standard("drift", "Changed outside the console", "drift", 0, W,
             "A permission, policy or other managed object differs from what was set here. Resolve the drift."),
    Standard("effective-policy", "Policy in force changed", "effective_policy", 0, I,
             "Another policy, or an edited one, applies to this queue. Acknowledge it to accept the change."),
    # The console itself.
    Standard("worker-silent", "Worker or scheduler is silent", "worker_silent", 0, C,
             "Without it, brokers aren't polled or changes aren't applied. Start it again.", 60),
    Standard("job-failing", "Background job fails or is late", "job_failing", MIN, W,
             "The System page has the error."),
    Standard("poll-overdue", "Polls are overdue", "poll_overdue", 0, C,
             "No worker polls the broker, so figures are out of date.", 120, 30),
)  # fmt: skip
