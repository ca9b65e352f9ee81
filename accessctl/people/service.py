"""Console accounts and groups: made by a superuser, for nobody signs up."""

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
    """The account, without any grant and without a password, and the code by which its owner sets one
    (accessctl.people.first_password). Raises InvalidField, NotAllowed."""
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
            # As with log-in, which takes no notice of case where the name is the only one like it.
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
    """Takes the password away, ends the person's sessions and revokes their API tokens, unless they are
    kept: whoever knew the password may have made one. The code by which the owner sets a new password
    (codes made before are good for nothing), and how many tokens were revoked."""
    require(acting_user, Permission.PEOPLE_EDIT)
    with transaction.atomic():
        person.set_unusable_password()  # a new one each time, which voids the codes made before
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
    """Raises InvalidField: the code is none or not good any more, or the password is too weak."""
    with transaction.atomic():
        found = person_of_code(code)
        # The lock makes a code good once, however often it is sent at the same time.
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
    """Disabled, an account can do nothing: sessions end, tokens are refused, grants do not count.
    Raises NotAllowed for one's own, lest nobody be left to enable it."""
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
    """Sets a person's groups to those of these names that there are: the identity provider says so at
    each log-in."""
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
    """Its grants go with it."""
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
