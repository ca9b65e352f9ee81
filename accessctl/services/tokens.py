"""API tokens: make, use, revoke. Only a digest is stored; the token itself is given out once."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Q
from knox.crypto import hash_token
from knox.models import get_digest_token

from accessctl.models import ApiToken
from console.audit import User, record
from console.errors import InvalidField, NotAllowed

#: Long-lived secrets leak: nobody gets one for more than a year.
MAX_LIFETIME = timedelta(days=366)
MAX_TOKENS_PER_USER = 100
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
) -> tuple[ApiToken, str]:
    """A new token of `user`, good for `expires_in` from `now`, and the token itself, which cannot
    be read again. `value` is the token to take (`wrn_` and 64 hexadecimal digits) where a machine
    has already chosen it. Raises InvalidField; NotAllowed when `user` has too many."""
    _refuse_bad_name(name)
    if not timedelta(0) < expires_in <= MAX_LIFETIME:
        raise InvalidField("expires_in_days", "A token lives for 1 to 366 days.")
    if value and not _SHAPE.fullmatch(value):
        raise InvalidField("value", "A token is wrn_ followed by 64 hexadecimal digits.")
    digest, token = (hash_token(value), value) if value else get_digest_token()
    with transaction.atomic():
        # The lock makes the count true while others create theirs.
        get_user_model().objects.select_for_update().get(pk=user.pk)
        if ApiToken.objects.filter(user_id=user.pk).count() >= MAX_TOKENS_PER_USER:
            raise NotAllowed(
                f"There are {MAX_TOKENS_PER_USER} tokens already. Revoke some that are not used."
            )
        row = ApiToken(
            user_id=user.pk,
            name=name,
            digest=digest,
            token_key=token[:_KEY_LENGTH],
            expiry=now + expires_in,
        )
        row.save(force_insert=True)
        record(
            "tokens:create",
            target_kind="token",
            target=str(row),
            acting_user=acting_user,
            after={"user": user.get_username(), "expires_at": f"{row.expiry:%Y-%m-%dT%H:%M:%SZ}"},
        )
    return row, token


def find_token(token: str) -> ApiToken | None:
    """The row of this token, expired or not, its user loaded; None where there is none."""
    if not _SHAPE.fullmatch(token):
        return None
    # By digest, so nothing about near misses can be learned from the time it takes.
    return ApiToken.objects.select_related("user").filter(digest=hash_token(token)).first()


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


def _refuse_bad_name(name: str) -> None:
    if not name.strip():
        raise InvalidField("name", "Enter a name that says what the token is for.")
    if len(name) > 100:
        raise InvalidField("name", "A token's name has at most 100 characters.")
    if not name.isprintable():
        raise InvalidField("name", "A token's name must not hold control characters.")
