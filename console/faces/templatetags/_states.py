"""The one vocabulary of states: a word, an icon and a tone for each."""

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
        "Its last poll failed. If the next one does too, it is called unreachable.",
    ),
    "partitioned": Look(
        "Partitioned", "scissors", "bad", "Its nodes run, and some don’t see each other."
    ),
    "node_down": Look("Node down", "server", "bad", "It answers, and not all of its nodes run."),
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
    # What was asked for, against what is there.
    "in_sync": Look("In sync", "check-circle", "ok"),
    "pending": Look("Pending", "clock", "busy"),
    "applying": Look("Applying", "arrow-path", "busy"),
    "waiting": Look("Waiting for broker", "clock", "warn"),
    "verifying": Look("Verifying", "magnifying-glass", "busy"),
    "rejected": Look("Rejected", "x-circle", "bad"),
    "drifted": Look("Drifted", "arrows-right-left", "warn"),
    "outcome_unknown": Look("Outcome unknown", "question-mark-circle", "warn"),
    "needs_confirmation": Look("Needs confirmation", "hand-raised", "warn"),
    "owner_missing": Look(
        "Owner missing",
        "minus-circle",
        "warn",
        "Its virtual host or user was deleted elsewhere. Settle that first.",
    ),
    "retired": Look(
        "Retired",
        "minus-circle",
        "mute",
        "Deleted with what it belonged to. Nothing is asked for it any more.",
    ),
    "missing": Look("Missing", "minus-circle", "warn", "Asked for, and not there."),
    "returned": Look("Came back", "arrow-uturn-left", "warn", "Deleted here, and there again."),
    # A change and its steps.
    "accepted": Look("Accepted", "clock", "busy"),
    "done": Look("Applied", "check-circle", "ok", "Every step was read back from its broker."),
    "applied": Look("Applied", "check-circle", "ok", "Read back from the broker."),
    "partly": Look("Partly applied", "exclamation-triangle", "bad"),
    "superseded": Look("Superseded", "forward", "mute", "A later change took its place."),
    "unmanaged": Look("Unmanaged", "eye", "mute"),
    # A queue or a node, in RabbitMQ's words.
    "running": Look("Running", "check-circle", "ok"),
    "idle": Look("Idle", "minus-circle", "mute"),
    "flow": Look("Flow", "pause-circle", "warn", "Its publishers are being slowed down."),
    "syncing": Look("Syncing", "arrow-path", "busy"),
    "recovering": Look("Recovering", "arrow-path", "busy"),
    "minority": Look("Minority", "exclamation-triangle", "bad", "Too few members are online."),
    "down": Look("Down", "x-circle", "bad", "Its node is down."),
    "stopped": Look("Stopped", "stop-circle", "bad"),
    "crashed": Look("Crashed", "x-circle", "bad"),
    "terminated": Look("Terminated", "stop-circle", "bad"),
    "gone": Look("Gone", "trash", "mute", "The broker no longer lists it."),
    # A background job of the console, and who works on its queues.
    "working": Look("Working", "check-circle", "ok"),
    "no_errors": Look("No errors", "check-circle", "ok", "No unexpected error lately."),
    "not_run": Look("Not run yet", "ellipsis-horizontal-circle", "busy"),
    "retrying": Look(
        "Retrying", "arrow-path", "warn", "Its last run failed. The next one decides."
    ),
    "job_failing": Look("Failing", "exclamation-triangle", "bad", "It has failed for some time."),
    "late": Look("Late", "clock", "bad", "It has not succeeded for too long."),
    "no_sign": Look("No sign of life", "signal-slash", "bad"),
    # A step of Test connection.
    "ok": Look("Passed", "check-circle", "ok"),
    "failed": Look("Failed", "x-circle", "bad"),
    "warning": Look("Warning", "exclamation-triangle", "warn"),
    "skipped": Look("Skipped", "minus-circle", "mute"),
}
