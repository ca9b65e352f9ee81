"""API tokens: make, use, revoke. Only a digest is stored; the token itself is given out once."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from ipaddress import ip_network

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Q

from accessctl.models import ApiToken
from accessctl.rights import Permission
from console.audit import User, record
from console.errors import InvalidField, NotAllowed

#: Long-lived secrets leak: nobody gets one for more than a year.
MAX_LIFETIME = timedelta(days=366)
MAX_TOKENS_PER_USER = 100
MAX_NETWORKS = 20
_SHAPE = re.compile(r"wrn_[0-9a-f]{64}", re.ASCII)
#: How much of a token is kept in the clear, for people to tell their tokens apart.
_KEY_LENGTH = 12
_USE_IS_NOTED_EVERY = timedelta(minutes=1)


def create_token(
    *,
    user: AbstractBaseUser,
    name: str,
    expires_in: timedelta,
    now: datetime,
    acting_user: User,
    value: str = "",
    scopes: Collection[str] | None = None,
    networks: Sequence[str] = (),
    made_with: ApiToken | None = None,
) -> tuple[ApiToken, str]:
    """A new token of `user`, good for `expires_in` from `now`, and the token itself, which cannot
    be read again. `value` is the token to take (`wrn_` and 64 hexadecimal digits) where a machine
    has already chosen it. `scopes` are permissions it is limited to, None: all of the owner's, now and
    later; `networks` where it may be used from, none: anywhere. `made_with` is the token that asks for
    it, beyond which it does not go. Raises InvalidField; NotAllowed when `user` has too many."""
    _refuse_bad_name(name)
    checked_scopes, checked_networks = _checked_scopes(scopes), _checked_networks(networks)
    if made_with is not None:
        _refuse_beyond(made_with, now + expires_in, checked_scopes, checked_networks)
    if not timedelta(0) < expires_in <= MAX_LIFETIME:
        raise InvalidField("expires_in_days", "A token's lifetime must be 1 to 366 days.")
    if value and not _SHAPE.fullmatch(value):
        raise InvalidField("value", "A token is wrn_ followed by 64 hexadecimal digits.")
    token = value or f"wrn_{secrets.token_hex(32)}"
    with transaction.atomic():
        # The lock makes the count true while others create theirs.
        get_user_model().objects.select_for_update().get(pk=user.pk)
        if ApiToken.objects.filter(user_id=user.pk).count() >= MAX_TOKENS_PER_USER:
            raise NotAllowed(
                f"You have {MAX_TOKENS_PER_USER} tokens, which is the limit. Revoke "
                "tokens that you no longer use."
            )
        row = ApiToken(
            user_id=user.pk,
            name=name,
            digest=token_digest(token),
            token_key=token[:_KEY_LENGTH],
            expiry=now + expires_in,
            scopes=checked_scopes,
            networks=checked_networks,
        )
        row.save(force_insert=True)
        record(
            "tokens:create",
            target_kind="token",
            target=str(row),
            acting_user=acting_user,
            after={
                "user": user.get_username(),
                "expires_at": f"{row.expiry:%Y-%m-%dT%H:%M:%SZ}",
                "scopes": row.scopes,
                "networks": row.networks,
            },
        )
    return row, token


def find_token(token: str) -> ApiToken | None:
    """The row of this token, expired or not, its user loaded; None where there is none."""
    if not _SHAPE.fullmatch(token):
        return None
    # By digest, so nothing about near misses can be learned from the time it takes.
    return ApiToken.objects.select_related("user").filter(digest=token_digest(token)).first()


def token_digest(token: str) -> str:
    """Return the SHA-512 of a token in hexadecimal digits. No salt and no stretching: a token is 256
    random bits, which nobody finds by trying."""
    return hashlib.sha512(token.encode()).hexdigest()


def note_use(token: ApiToken, *, now: datetime) -> None:
    """Remembers that the token was used; written at most once a minute, however many use it."""
    if token.last_used_at and now - token.last_used_at < _USE_IS_NOTED_EVERY:
        return
    ApiToken.objects.filter(
        Q(last_used_at=None) | Q(last_used_at__lte=now - _USE_IS_NOTED_EVERY), pk=token.pk
    ).update(last_used_at=now)


def revoke_token(token: ApiToken, *, acting_user: User) -> None:
    """From the next request on the token is refused."""
    with transaction.atomic():
        record(
            "tokens:revoke",
            target_kind="token",
            target=str(token),
            acting_user=acting_user,
            before={"user": token.user.get_username()},
        )
        token.delete()


def revoke_tokens_of(person: AbstractBaseUser, *, acting_user: User) -> int:
    """Revokes all of a person's tokens; how many. One audit row for all of them."""
    with transaction.atomic():
        tokens = ApiToken.objects.select_for_update().filter(user_id=person.pk).order_by("pk")
        names = [str(token) for token in tokens]
        if names:
            tokens.delete()
            record(
                "tokens:revoke",
                target_kind="person",
                target=person.get_username(),
                acting_user=acting_user,
                before={"tokens": names},
            )
    return len(names)


def _checked_scopes(scopes: Collection[str] | None) -> list[str] | None:
    if scopes is None:
        return None
    if unknown := sorted(set(scopes) - {str(permission) for permission in Permission}):
        raise InvalidField("scopes", f"Unknown permission: {unknown[0]}.")
    if not scopes:
        raise InvalidField("scopes", "Choose at least one permission, or don't limit the token.")
    return sorted(set(scopes))


def _checked_networks(networks: Sequence[str]) -> list[str]:
    if len(networks) > MAX_NETWORKS:
        raise InvalidField("networks", f"The limit is {MAX_NETWORKS} networks.")
    found = []
    for text in networks:
        try:
            found.append(str(ip_network(text.strip())))
        except ValueError:
            raise InvalidField(
                "networks",
                f"{text[:60]!r} isn't a valid network. Use a form such as 10.1.0.0/16 or 10.1.2.3.",
            ) from None
    return sorted(set(found))


def _refuse_beyond(
    made_with: ApiToken, expiry: datetime, scopes: list[str] | None, networks: list[str]
) -> None:
    """Else whoever gets hold of a token keeps access for ever, or gets more of it."""
    if made_with.expiry and expiry > made_with.expiry:
        raise InvalidField(
            "expires_in_days",
            "A token created with another token can't outlive it. To create a "
            "longer-lived token, sign in to the console.",
        )
    if made_with.scopes is not None and (scopes is None or set(scopes) - set(made_with.scopes)):
        raise InvalidField(
            "scopes",
            "A token created with another token can't have more permissions than that token.",
        )
    if made_with.networks and not (networks and all(_within(n, made_with) for n in networks)):
        raise InvalidField(
            "networks", "A token created with another token is limited to that token's networks."
        )


def _within(network: str, token: ApiToken) -> bool:
    inner = ip_network(network)
    return any(
        inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]
        for outer in map(ip_network, token.networks)
    )


def _refuse_bad_name(name: str) -> None:
    if not name.strip():
        raise InvalidField("name", "Enter a name that says what the token is for.")
    if len(name) > 100:
        raise InvalidField("name", "A token's name has at most 100 characters.")
    if not name.isprintable():
        raise InvalidField("name", "A token's name can't contain control characters.")
