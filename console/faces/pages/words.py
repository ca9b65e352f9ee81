"""Words for numbers and for the codes of audit log entries."""

from __future__ import annotations

from collections.abc import Sequence

from console.kinds.common.kind import Op
from console.kinds.registry import KINDS

#: Operations that aren't one of `_VERBS` on an object of a kind.
_OPERATIONS = {
    "alerts:acknowledged": "Acknowledge alert",
    "alerts:add_channel": "Create alert channel",
    "alerts:add_owner": "Create owner",
    "alerts:add_rule": "Create alert rule",
    "alerts:add_window": "Create maintenance window",
    "alerts:delete_channel": "Delete alert channel",
    "alerts:delete_owner": "Delete owner",
    "alerts:delete_rule": "Delete alert rule",
    "alerts:edit_channel": "Edit alert channel",
    "alerts:edit_owner": "Edit owner",
    "alerts:edit_rule": "Edit alert rule",
    "alerts:edit_window": "Edit maintenance window",
    "alerts:end_window": "End maintenance window",
    "alerts:reopened": "Withdraw acknowledgement of alert",
    "alerts:snoozed": "Snooze alert",
    "alerts:test_channel": "Test alert channel",
    "backups:download": "Download backup",
    "backups:schedule": "Schedule backups",
    "backups:take": "Back up definitions",
    "brokers:add": "Add broker",
    "brokers:edit": "Edit broker",
    "brokers:forget": "Forget broker",
    "brokers:rotate-keys": "Rotate encryption keys",
    "change:end": "End change with its broker",
    "change:stop": "Stop change",
    "dashboards:create": "Create dashboard",
    "dashboards:delete": "Delete dashboard",
    "dashboards:update": "Edit dashboard",
    "definitions:export": "Export definitions",
    "factors:add": "Enable two-factor authentication",
    "factors:remove": "Disable two-factor authentication",
    "factors:renew": "Reset two-factor authentication",
    "findings:heed": "Stop ignoring finding",
    "findings:ignore": "Ignore finding",
    "message_jobs:end": "End message job",
    "message_jobs:limit": "Set rate limit of message job",
    "message_jobs:pause": "Pause message job",
    "message_jobs:resume": "Resume message job",
    "message_jobs:stop": "Stop message job",
    "messages:copy": "Copy messages",
    "messages:delete": "Delete messages",
    "messages:move": "Move messages",
    "glass:break": "Change by hand what a folder owns",
    "grants:give": "Grant role",
    "grants:take": "Revoke role",
    "groups:create": "Create group",
    "groups:delete": "Delete group",
    "messages:read": "Read messages",
    "noise:add": "Add noise pattern",
    "noise:remove": "Remove noise pattern",
    "people:create": "Create account",
    "people:disable": "Disable account",
    "people:enable": "Enable account",
    "people:groups": "Edit groups of account",
    "people:password": "Change password of account",
    "sessions:begin": "Sign in",
    "sessions:end": "End session",
    "tokens:create": "Create API token",
    "tokens:revoke": "Revoke API token",
    "users:ensure-admin": "Set up administrator account",
    "vhost:restart": "Restart virtual host",
}
_VERBS = {
    Op.CREATE: "Create",
    Op.UPDATE: "Edit",
    Op.REPLACE: "Recreate",
    Op.DELETE: "Delete",
    Op.UNCHANGED: "Verify",
}
_IN_WORDS = _OPERATIONS | {
    f"{name}:{op.value}": f"{verb} {kind.noun}"
    for name, kind in KINDS.items()
    for op, verb in _VERBS.items()
}


def counted(number: int, noun: str) -> str:
    """Return `1 queue`, `3 queues`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(words: Sequence[str]) -> str:
    """Return `queues`, `queues and bindings`, `queues, policies and bindings`."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def operation(action: str) -> str:
    """Return an audit log entry's code in words: "user:update" is "Edit user". A code without
    words, such as those of the Django admin's own models, is returned with spaces: "group:add" is
    "group add"."""
    return _IN_WORDS.get(action) or action.replace(":", " ").replace("_", " ")


def operations_with(text: str) -> list[str]:
    """Return the codes whose words contain the text. Ignores case."""
    return [code for code, words in _IN_WORDS.items() if text.lower() in words.lower()]
