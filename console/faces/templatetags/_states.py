"""The single vocabulary of states: a word, an icon and a tone for each."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Look(NamedTuple):
    """`icon` is a heroicon. `tone` is a class of static/css/states.css."""

    label: str
    icon: str
    tone: Literal["ok", "warn", "bad", "busy", "mute"]
    help: str = ""


STATES: dict[str, Look] = {
    # A broker.
    "reachable": Look("Reachable", "check-circle", "ok"),
    "failing": Look(
        "Failing",
        "exclamation-triangle",
        "warn",
        "The last poll failed. If the next one fails too, the state becomes unreachable.",
    ),
    "partitioned": Look(
        "Partitioned", "scissors", "bad", "Its nodes run, and some don’t see each other."
    ),
    "node_down": Look(
        "Node down", "server", "bad", "It answers, but at least one of its nodes is down."
    ),
    "restricted": Look(
        "Restricted", "eye-slash", "warn", "Its user lacks a right, so some figures are unknown."
    ),
    "draining": Look(
        "Draining",
        "wrench",
        "warn",
        "A node is in maintenance mode: it takes no client connections.",
    ),
    "slow": Look("Slow", "clock", "warn", "It takes long to answer."),
    "refused": Look("Refused", "no-symbol", "bad"),
    "unreachable": Look("Unreachable", "signal-slash", "bad"),
    "stale": Look("Stale", "clock", "warn"),
    "disabled": Look("Disabled", "pause-circle", "mute"),
    "new": Look("Not polled yet", "ellipsis-horizontal-circle", "busy"),
    "alarm": Look("Alarm", "bell-alert", "bad"),
    # The desired state of an object, compared with the observed one.
    "in_sync": Look("In sync", "check-circle", "ok"),
    "pending": Look("Pending", "clock", "busy", "Not sent yet."),
    "applying": Look("Applying", "arrow-path", "busy"),
    "waiting": Look("Waiting for broker", "clock", "warn"),
    "verifying": Look(
        "Verifying",
        "magnifying-glass",
        "busy",
        "It may have been sent. The console reads it back to find out.",
    ),
    "rejected": Look("Rejected", "x-circle", "bad"),
    "drifted": Look("Drifted", "arrows-right-left", "warn"),
    "needs_confirmation": Look("Needs confirmation", "hand-raised", "warn"),
    "owner_missing": Look(
        "Owner missing",
        "minus-circle",
        "warn",
        "Its virtual host or user was deleted elsewhere. Resolve that drift first.",
    ),
    "retired": Look(
        "Retired",
        "minus-circle",
        "mute",
        "Deleted together with its owner; no longer managed.",
    ),
    "missing": Look(
        "Missing", "minus-circle", "warn", "In the desired state, but missing on the broker."
    ),
    "returned": Look(
        "Came back", "arrow-uturn-left", "warn", "Deleted here, but exists on the broker again."
    ),
    # A change and its steps.
    "accepted": Look("Accepted", "clock", "busy"),
    "done": Look("Applied", "check-circle", "ok", "Every step was verified on its broker."),
    "applied": Look("Applied", "check-circle", "ok", "Verified on the broker."),
    "partly": Look("Partly applied", "exclamation-triangle", "bad"),
    "unknown": Look(
        "Outcome unknown",
        "question-mark-circle",
        "warn",
        "RabbitMQ's reply was lost, so it may have been carried out. It isn't repeated.",
    ),
    "superseded": Look("Superseded", "forward", "mute", "Replaced by a later change."),
    "unmanaged": Look("Unmanaged", "eye", "mute"),
    # A queue or a node, in RabbitMQ's terms.
    "running": Look("Running", "check-circle", "ok"),
    "enabled": Look("Enabled", "check-circle", "ok"),
    "state_changing": Look("Changing", "arrow-path", "busy"),
    "unavailable": Look("Unavailable", "no-symbol", "mute", "A node doesn’t support it."),
    "starting": Look("Starting", "arrow-path", "busy", "It connects, or tries to."),
    "not_started": Look("Not started", "ellipsis-horizontal-circle", "mute"),
    "shutdown": Look("Shut down", "stop-circle", "mute"),
    "error": Look("Error", "x-circle", "bad"),
    "blocked": Look("Blocked", "pause-circle", "warn", "RabbitMQ blocks its publishing."),
    "blocking": Look(
        "Blocking", "pause-circle", "warn", "RabbitMQ will block it as soon as it publishes."
    ),
    "idle": Look("Idle", "minus-circle", "mute"),
    "flow": Look("Flow", "pause-circle", "warn", "RabbitMQ is throttling its publishers."),
    "syncing": Look("Syncing", "arrow-path", "busy"),
    "recovering": Look("Recovering", "arrow-path", "busy"),
    "minority": Look("Minority", "exclamation-triangle", "bad", "Too few members are online."),
    "down": Look("Down", "x-circle", "bad", "Its node is down."),
    "stopped": Look("Stopped", "stop-circle", "bad"),
    "crashed": Look("Crashed", "x-circle", "bad"),
    "terminated": Look("Terminated", "stop-circle", "bad"),
    "gone": Look("Gone", "trash", "mute", "The broker no longer lists it."),
    # What is wrong with a queue (vhosts.queues.health).
    "losing": Look("Losing", "x-circle", "bad", "It is full and drops its oldest messages."),
    "rejecting": Look("Rejecting", "x-circle", "bad", "It is full and refuses new messages."),
    "no_leader": Look("No leader", "x-circle", "bad", "It accepts and delivers nothing."),
    "stuck": Look(
        "Stuck", "pause-circle", "bad", "It has consumers, and nothing is delivered to them."
    ),
    "no_consumers": Look(
        "No consumers", "user-minus", "bad", "Messages arrive, and nobody consumes them."
    ),
    "full": Look("At limit", "exclamation-triangle", "warn", "It has as many messages as it may."),
    "filling": Look(
        "Filling up", "arrow-trending-up", "warn", "At this pace it reaches its limit in an hour."
    ),
    "member_down": Look("Member down", "exclamation-triangle", "warn", "A member is offline."),
    "redelivering": Look(
        "Redelivering", "arrow-uturn-left", "warn", "Most deliveries are repeated ones."
    ),
    "slow_consumers": Look("Slow consumers", "clock", "warn", "It grows although it is consumed."),
    "growing": Look("Growing", "arrow-trending-up", "warn", "It grew fast within 5 minutes."),
    "unconsumed": Look(
        "Unconsumed", "archive-box", "warn", "Messages wait, and it has no consumers."
    ),
    "well": Look("OK", "check-circle", "ok", "Nothing is known to be wrong."),
    # An alert, its severity, a channel and what is sent to it.
    "alert_pending": Look(
        "Pending", "clock", "busy", "It holds, but not yet for as long as the rule wants."
    ),
    "alert_firing": Look("Firing", "bell-alert", "bad"),
    "alert_acknowledged": Look(
        "Acknowledged", "hand-raised", "busy", "It still fires; somebody has taken it."
    ),
    "alert_snoozed": Look(
        "Snoozed", "bell-snooze", "mute", "It still fires; no message until the snooze ends."
    ),
    "alert_no_data": Look(
        "No data",
        "eye-slash",
        "warn",
        "The broker can’t be seen, so nobody knows whether it still holds.",
    ),
    "alert_resolved": Look("Resolved", "check-circle", "ok"),
    "rule_quiet": Look("Quiet", "check-circle", "ok", "It is on, and nothing fires."),
    "critical": Look("Critical", "x-circle", "bad"),
    "info": Look("Info", "information-circle", "mute"),
    "channel_works": Look(
        "Works", "check-circle", "ok", "The last message arrived at the service."
    ),
    "channel_failing": Look("Failing", "x-circle", "bad"),
    "channel_unused": Look("Not used yet", "ellipsis-horizontal-circle", "busy"),
    "channel_off": Look("Off", "pause-circle", "mute"),
    "delivery_waiting": Look("Waiting", "clock", "busy"),
    "delivery_sending": Look("Sending", "paper-airplane", "busy"),
    "delivery_sent": Look("Sent", "check-circle", "ok", "The service took the message."),
    "delivery_failed": Look("Given up", "x-circle", "bad"),
    # A background job of the console, and the workers on its queues.
    "working": Look("Working", "check-circle", "ok"),
    "no_errors": Look("No errors", "check-circle", "ok", "No recent unexpected error."),
    "not_run": Look("Not run yet", "ellipsis-horizontal-circle", "busy"),
    "retrying": Look(
        "Retrying",
        "arrow-path",
        "warn",
        "The last run failed. If the next one fails too, the state becomes failing.",
    ),
    "job_failing": Look(
        "Failing", "exclamation-triangle", "bad", "It has been failing for some time."
    ),
    "late": Look("Late", "clock", "bad", "It hasn't succeeded in time."),
    "no_sign": Look("No sign of life", "signal-slash", "bad"),
    # A step of Test connection.
    "ok": Look("Passed", "check-circle", "ok"),
    "failed": Look("Failed", "x-circle", "bad"),
    "warning": Look("Warning", "exclamation-triangle", "warn"),
    "skipped": Look("Skipped", "minus-circle", "mute"),
}
