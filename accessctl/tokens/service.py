"""Create, use and revoke API tokens. Only a digest is stored; the token itself is shown once."""

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

#: Long-lived secrets leak, so no token is valid for more than a year.
MAX_LIFETIME = timedelta(days=366)
MAX_TOKENS_PER_USER = 100
MAX_NETWORKS = 20
_SHAPE = re.compile(r"wrn_[0-9a-f]{64}", re.ASCII)
#: How many characters of a token are stored in clear text, so that people can tell their tokens
#: apart.
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
    """Create a token of `user`, valid for `expires_in` from `now`. Return its row and the token
    itself, which can't be read again.

    `value` is the token to use (`wrn_` and 64 hexadecimal digits) if a program has already chosen
    one. `scopes` are the permissions that it is limited to; None: all of the owner's, now and
    later. `networks` are those from which it can be used; empty: any. `made_with` is the token of
    the request, which the new one can't exceed. Raises InvalidField; NotAllowed if `user` has too
    many tokens.
    """
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
        # The lock keeps the count correct while others create tokens.
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
    """Return the token's row with its user, even if it is expired; None if it doesn't exist."""
    if not _SHAPE.fullmatch(token):
        return None
    # Looked up by digest, so that timing reveals nothing about near misses.
    return ApiToken.objects.select_related("user").filter(digest=token_digest(token)).first()


def token_digest(token: str) -> str:
    """Return the SHA-512 of a token in hexadecimal digits. It needs no salt or stretching: a token
    is 256 random bits, which nobody can guess."""
    return hashlib.sha512(token.encode()).hexdigest()


def note_use(token: ApiToken, *, now: datetime) -> None:
    """Note that the token was used, at most once a minute."""
    if token.last_used_at and now - token.last_used_at < _USE_IS_NOTED_EVERY:
        return
    ApiToken.objects.filter(
        Q(last_used_at=None) | Q(last_used_at__lte=now - _USE_IS_NOTED_EVERY), pk=token.pk
    ).update(last_used_at=now)


def revoke_token(token: ApiToken, *, acting_user: User) -> None:
    """Revoke a token. It is refused from the next request on."""
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
    """Revoke all of a person's tokens. Return their number. One audit entry for all of them."""
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
    """Raise InvalidField if the new token exceeds `made_with`. Otherwise, whoever steals a token
    could keep or extend their access."""
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
