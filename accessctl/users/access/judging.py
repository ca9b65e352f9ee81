"""Check rights over RabbitMQ's users and limits against the broker's state right before a call.

Only for authors whose rights depend on the object's state: people who may set tags and limits on
the whole broker may do all of it anyway. See console.engine.ports.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.contrib.auth.models import User

from accessctl.models import BrokerUser
from accessctl.reach import Reach, reach_of
from accessctl.rights import Permission
from accessctl.users.access.origins import is_proven
from accessctl.users.access.ownership import NOT_OF_THIS_BROKER, why_not_theirs
from console.engine.ports import Fresh, Judge
from console.kinds.common.kind import Op, Spec
from console.kinds.user import USER
from console.kinds.vhost import VHOST
from console.models import Broker, Step

_TAKEN = (
    "A user that this change didn't create already uses this name on the broker. Choose "
    "another name."
)
_CHANGED = (
    "This may not be the user that was created here: its password was changed "
    "elsewhere, or it was deleted and created again. A broker administrator can "
    "change it."
)


def judge_of(author: User | None, broker: Broker, kind: str, names: Sequence[str]) -> Judge | None:
    """See console.engine.ports.JudgeOf."""
    if author is None or kind not in (USER.name, VHOST.name):
        return None
    reach = reach_of(author)
    limits = reach.has(Permission.VHOSTS_LIMIT, broker)
    if kind == VHOST.name:
        return None if limits else _judge_vhost
    tags = reach.has(Permission.USERS_TAG, broker) and reach.has(Permission.USERS_EDIT, broker)
    if tags and limits:
        return None
    rows = BrokerUser.objects.filter(broker=broker, name__in=names).exclude(owner_scope=None)
    owned = {row.name: (row.owner_scope, row.owner_proof) for row in rows}
    return _UserJudge(reach, broker, owned)


class _UserJudge:
    """Checks steps on users. `owned`: (scope, proof) of the users that belong to virtual hosts, by
    name."""

    def __init__(
        self, reach: Reach, broker: Broker, owned: Mapping[str, tuple[list[str], str]]
    ) -> None:
        self._reach, self._broker, self._owned = reach, broker, owned

    def __call__(self, step: Step, fresh: Fresh, wanted: Spec | None) -> str:
        if not self._reach.has_somewhere(Permission.USERS_EDIT, self._broker):
            return NOT_OF_THIS_BROKER
        if fresh.spec is None:
            return ""
        if step.op == Op.CREATE:
            return self._why_not_created(step, fresh.spec, wanted)
        name, hashed = step.target.key[0], fresh.spec.get("password_hash")
        scope, proof = self._owned.get(name, (None, ""))
        proven = scope is None or is_proven(proof, hashed)
        whole = self._reach.has(Permission.USERS_EDIT, self._broker)
        if not whole and not proven:
            return _CHANGED
        return why_not_theirs(
            self._reach,
            self._broker,
            tags=_tags(fresh.spec),
            vhosts=fresh.vhosts,
            belongs_to=scope,
        ) or self._why_not_set(fresh.spec, wanted)

    def _why_not_created(self, step: Step, there: Spec, wanted: Spec | None) -> str:
        """Return why the user wasn't created by this change; "" if it was. The salted hash
        recognizes an earlier try whose reply was lost."""
        hashed = there.get("password_hash")
        if not step.sent_before or not hashed or hashed != (wanted or {}).get("password_hash"):
            return _TAKEN
        return self._why_not_set(there, wanted)

    def _why_not_set(self, there: Spec, wanted: Spec | None) -> str:
        """Return why the spec can't be written; "" if it can. A call writes the whole user, so it
        would undo what was changed elsewhere since."""
        if wanted is None:
            return ""
        if _tags(wanted) != _tags(there) and not self._reach.has(
            Permission.USERS_TAG, self._broker
        ):
            return "The user's tags were changed on the broker, and you aren't allowed to set tags."
        if _limits(wanted) != _limits(there) and not self._reach.has(
            Permission.VHOSTS_LIMIT, self._broker
        ):
            return _limits_changed("user")
        return ""


def _judge_vhost(step: Step, fresh: Fresh, wanted: Spec | None) -> str:
    if fresh.spec is None or wanted is None or _limits(wanted) == _limits(fresh.spec):
        return ""
    return _limits_changed("virtual host")


def _limits_changed(what: str) -> str:
    return f"The {what}'s limits were changed on the broker, and you aren't allowed to set limits."


def _tags(spec: Spec) -> list[str]:
    return list(USER.field("tags").canonical(spec.get("tags", [])))


def _limits(spec: Spec) -> Mapping[str, int]:
    found: Mapping[str, int] = USER.field("limits").canonical(spec.get("limits", {}))
    return found
