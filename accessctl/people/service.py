"""Console accounts and groups. A superuser creates them; sign-up is closed."""

from __future__ import annotations

from collections.abc import Collection

from django.contrib.auth.models import AbstractBaseUser, Group, User
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accessctl.authorize import require
from accessctl.people.first_password import make_code, person_of_code
from accessctl.rights import Permission
from accessctl.sessions.service import end_sessions_of
from accessctl.tokens.service import revoke_tokens_of
from console.audit import record
from console.errors import InvalidField, NotAllowed


def create_person(username: str, *, acting_user: AbstractBaseUser) -> tuple[User, str]:
    """Create an account without grants and password. Return it with the code with which its owner
    sets a password (accessctl.people.first_password). Raises InvalidField, NotAllowed."""
    require(acting_user, Permission.PEOPLE_EDIT)
    try:
        UnicodeUsernameValidator()(username)
    except ValidationError:
        raise InvalidField(
            "username",
            "A username can contain only letters, digits and @ . + - _ and needs at "
            "least one of them.",
        ) from None
    if len(username) > 150:
        raise InvalidField("username", "A username has at most 150 characters.")
    try:
        with transaction.atomic():
            # Like sign-in, which ignores case if only one name matches.
            if User.objects.filter(username__iexact=username).exists():
                raise IntegrityError
            person = User.objects.create_user(username, password=None)
            record("people:create", target_kind="person", target=username, acting_user=acting_user)
    except IntegrityError:
        raise InvalidField(
            "username", f"An account named {username} already exists. Choose another name."
        ) from None
    return person, make_code(person)


def reset_password(
    person: User, *, acting_user: AbstractBaseUser, keep_tokens: bool = False
) -> tuple[str, int]:
    """Remove the password, end the person's sessions and revoke their API tokens, unless
    `keep_tokens`: whoever knew the password may have created one.

    Return the code with which the owner sets a new password (earlier codes are void), and the
    number of revoked tokens.
    """
    require(acting_user, Permission.PEOPLE_EDIT)
    with transaction.atomic():
        person.set_unusable_password()  # different each time, which voids earlier codes
        person.save(update_fields=["password"])
        record(
            "people:password",
            target_kind="person",
            target=person.username,
            acting_user=acting_user,
            after={"password": "to be set by its owner"},
        )
        end_sessions_of(person, acting_user=acting_user)
        revoked = 0 if keep_tokens else revoke_tokens_of(person, acting_user=acting_user)
    return make_code(person), revoked


def set_password_by_code(code: str, password: str) -> User:
    """Set a password. Raises InvalidField if the code is invalid or expired, or the password too
    weak."""
    with transaction.atomic():
        found = person_of_code(code)
        # The lock makes a code valid once, even if it is sent several times at once.
        person = User.objects.select_for_update().filter(pk=found.pk).first() if found else None
        if person is None or person_of_code(code) is None:
            raise InvalidField(
                "code",
                "This link has expired or was already used. Ask an administrator for a new one.",
            )
        try:
            validate_password(password, person)
        except ValidationError as error:
            raise InvalidField("password1", " ".join(error.messages)) from None
        person.set_password(password)
        person.save(update_fields=["password"])
        record(
            "people:password",
            target_kind="person",
            target=person.username,
            acting_user=person,
            after={"password": "set by link"},
        )
        end_sessions_of(person, acting_user=person)
    return person


def switch_person(person: User, *, active: bool, acting_user: AbstractBaseUser) -> None:
    """Enable or disable an account. A disabled one can do nothing: its sessions end, its tokens
    are refused, its grants don't count. Raises NotAllowed for one's own account, so that somebody
    can enable it again."""
    require(acting_user, Permission.PEOPLE_EDIT)
    if person.pk == acting_user.pk:
        raise NotAllowed("You can't disable your own account. Ask another superuser.")
    with transaction.atomic():
        User.objects.filter(pk=person.pk).update(is_active=active)
        record(
            "people:enable" if active else "people:disable",
            target_kind="person",
            target=person.username,
            acting_user=acting_user,
        )
        if not active:
            end_sessions_of(person, acting_user=acting_user)


def set_groups(person: User, groups: Collection[Group], *, acting_user: AbstractBaseUser) -> None:
    require(acting_user, Permission.PEOPLE_EDIT)
    _set_groups(person, groups, acting_user=acting_user)


def _set_groups(
    person: User, groups: Collection[Group], *, acting_user: AbstractBaseUser | None
) -> None:
    with transaction.atomic():
        before = sorted(person.groups.values_list("name", flat=True))
        after = sorted(group.name for group in groups)
        if before == after:
            return
        person.groups.set(groups)
        record(
            "people:groups",
            target_kind="person",
            target=person.username,
            acting_user=acting_user,
            before={"groups": before},
            after={"groups": after},
        )


def follow_claimed_groups(person: User, names: Collection[str]) -> None:
    """Set a person's groups to the existing groups with these names. The identity provider sends
    the names at each sign-in."""
    groups = list(Group.objects.filter(name__in=list(names)[:1000]))
    _set_groups(person, groups, acting_user=None)


def create_group(name: str, *, acting_user: AbstractBaseUser) -> Group:
    require(acting_user, Permission.PEOPLE_EDIT)
    if not name.strip() or len(name) > 150 or not name.isprintable():
        raise InvalidField("name", "A group name has 1 to 150 visible characters.")
    try:
        with transaction.atomic():
            group = Group.objects.create(name=name)
            record("groups:create", target_kind="group", target=name, acting_user=acting_user)
    except IntegrityError:
        raise InvalidField(
            "name", f"A group named {name} already exists. Choose another name."
        ) from None
    return group


def delete_group(group: Group, *, acting_user: AbstractBaseUser) -> None:
    """Delete a group and its grants."""
    require(acting_user, Permission.PEOPLE_EDIT)
    with transaction.atomic():
        record(
            "groups:delete",
            target_kind="group",
            target=group.name,
            acting_user=acting_user,
            before={
                "members": sorted(group.user_set.values_list("username", flat=True)),
                "grants": [grant.words for grant in group.grants.select_related("broker")],  # type: ignore[attr-defined]
            },
        )
        group.delete()
