"""Record which virtual hosts a RabbitMQ user belongs to, from its creation by the console.

RabbitMQ's users have no owner, and no identity except their name. So the console stores both: the
scope of the user's creator, and a proof that recognizes the password last seen. The record is in
the mirror's row, and is deleted with it when the broker no longer has the user. docs/access.md has
the rule.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

from accessctl.models import BrokerUser
from accessctl.reach import AnyUser, reach_of
from accessctl.rights import Permission
from console.engine.ports import Origin
from console.kinds.common.kind import Key, Spec
from console.models import Broker

_SALT = "accessctl.users.access.origins"


def scope_of_creator(creator: AnyUser | None, broker: Broker) -> list[str] | None:
    """Return the virtual host patterns of a user created by `creator`; None if the creator's
    account was deleted or covers the whole broker."""
    if creator is None:
        return None
    reach = reach_of(creator)
    if reach.has(Permission.USERS_EDIT, broker):
        return None
    return reach.patterns(Permission.USERS_EDIT, broker) or None


def proof_of(password_hash: str) -> str:
    """Return a proof that recognizes a password hash without storing it."""
    return _digest(password_hash, settings.SECRET_KEY)


def is_proven(proof: str, password_hash: object) -> bool:
    """Return whether the user still has the password that the console last saw. A salt makes each
    hash unique, so another user with the same name has another hash. Only users without a password
    are all the same."""
    if not isinstance(password_hash, str):
        return False
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return any(constant_time_compare(proof, _digest(password_hash, key)) for key in keys)


def note_origins(
    broker_id: int, seen: Mapping[Key, Spec | None], origins: Mapping[Key, Origin]
) -> None:
    """Update owners after a read-back, within the caller's transaction.

    Users that the change created get their scope. Users that it changed keep it only if they were
    still the users that the console knew.
    """
    names = [key[0] for key, spec in seen.items() if spec is not None and key in origins]
    if not names:
        return
    rows = BrokerUser.objects.filter(broker=broker_id, name__in=names)
    broker: Broker | None = None
    for row in rows.only("name", "owner_scope", "owner_proof"):
        origin, spec = origins[row.name,], seen[row.name,] or {}
        was = (row.owner_scope, row.owner_proof)
        if origin.created:
            broker = broker or Broker.objects.get(pk=broker_id)
            row.owner_scope = scope_of_creator(origin.author, broker)
        elif row.owner_scope is not None and not is_proven(
            row.owner_proof, (origin.before or {}).get("password_hash")
        ):
            row.owner_scope = None
        hashed = spec.get("password_hash")
        if row.owner_scope is None or not isinstance(hashed, str):
            row.owner_scope, row.owner_proof = None, ""
        else:
            row.owner_proof = proof_of(hashed)
        if was != (row.owner_scope, row.owner_proof):
            row.save(update_fields=["owner_scope", "owner_proof"])


def _digest(password_hash: str, key: str | bytes) -> str:
    return salted_hmac(_SALT, password_hash, secret=key, algorithm="sha256").hexdigest()
