"""Permissions and topic permissions in the API: bodies, operations, and bulk operations."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accessctl.permissions.patterns import Patterns
from accessctl.permissions.rules import (
    MOST_AT_ONCE,
    clear_permissions,
    clear_topic,
    copy_permissions,
    edit_permission,
    set_permissions,
    set_topic,
)
from accessctl.rights import Permission
from console.engine.proposal import DesiredObject
from console.errors import InvalidField
from console.faces.rest.drawn.changing import (
    PARAMETERS,
    BrokerField,
    Reasoned,
    answer_change,
    changing,
    sent,
)
from console.faces.rest.fields import Flag, Text
from console.faces.writes import Api, by_key
from console.kinds.permission import PERMISSION
from console.kinds.registry import TOPIC_PERMISSION

_PATTERNS = ("configure", "write", "read")


def _pattern(**more: Any) -> Text:
    return Text(
        allow_blank=True,
        max_length=1024,
        help_text="A regular expression; empty matches nothing. At most 1024 characters.",
        **more,
    )


class PermissionChange(Reasoned):
    configure = _pattern(required=False)
    write = _pattern(required=False)
    read = _pattern(required=False)

    class Meta:
        ref_name = "PermissionChange"


class PermissionNew(Reasoned):
    broker = BrokerField(help_text="A broker's ID or name.")
    vhost = Text(max_length=255)
    user = Text(max_length=255)
    configure = _pattern()
    write = _pattern()
    read = _pattern()

    class Meta:
        ref_name = "PermissionNew"


class PermissionsMany(PermissionChange):
    broker = BrokerField(help_text="A broker's ID or name.")
    vhosts = serializers.ListField(
        child=Text(max_length=255), min_length=1, max_length=MOST_AT_ONCE
    )
    users = serializers.ListField(child=Text(max_length=255), min_length=1, max_length=MOST_AT_ONCE)
    clear = Flag(
        default=False, help_text="`true`: clear the permissions instead of setting patterns."
    )

    class Meta:
        ref_name = "PermissionsMany"


class PermissionsCopy(Reasoned):
    broker = BrokerField(help_text="A broker's ID or name.")
    source = Text(  # type: ignore[assignment]
        max_length=255, help_text="The user to copy permissions from."
    )
    target = Text(max_length=255, help_text="The user to copy permissions to.")
    replace = Flag(default=False, help_text="Also clear permissions that the source doesn't have.")

    class Meta:
        ref_name = "PermissionsCopy"


class TopicPermissionChange(Reasoned):
    write = _pattern(required=False)
    read = _pattern(required=False)

    class Meta:
        ref_name = "TopicPermissionChange"


class TopicPermissionNew(Reasoned):
    broker = BrokerField(help_text="A broker's ID or name.")
    vhost = Text(max_length=255)
    user = Text(max_length=255)
    exchange = Text(max_length=255)
    write = _pattern()
    read = _pattern()

    class Meta:
        ref_name = "TopicPermissionNew"


class _Many:
    """Permissions of many users at once."""

    more_permissions: ClassVar = dict.fromkeys(("many", "copy"), Permission.PERMISSIONS_EDIT)
    more_parameters: ClassVar = dict.fromkeys(("many", "copy"), PARAMETERS)

    @changing(PermissionsMany)
    @action(
        methods=["post"], detail=False, url_path="bulk", pagination_class=None, filter_backends=()
    )
    def many(self, request: Request) -> Response:
        """Set or clear permissions of many users on many virtual hosts. Creates one change."""
        fields = sent(PermissionsMany, request, self.body())  # type: ignore[attr-defined]
        given = [name for name in _PATTERNS if name in fields]
        if fields["clear"] and given:
            raise InvalidField(given[0], "To clear permissions, leave out the patterns.")
        if not fields["clear"] and len(given) < 3:
            missing = next(name for name in _PATTERNS if name not in fields)
            raise InvalidField(missing, "Send all three patterns, or clear.")
        where = {
            "broker": fields["broker"],
            "vhosts": fields["vhosts"],
            "users": fields["users"],
            "acting_user": request.user,
        }
        cells = len(set(fields["vhosts"])) * len(set(fields["users"]))
        if fields["clear"]:
            return answer_change(
                request,
                f"Clear {cells} permissions on {fields['broker'].name}",
                lambda: clear_permissions(**where),
                reason=fields.get("reason", ""),
            )
        patterns = Patterns(*(fields[name] for name in _PATTERNS))
        return answer_change(
            request,
            f"Set {cells} permissions on {fields['broker'].name}",
            lambda: set_permissions(**where, patterns=patterns),
            reason=fields.get("reason", ""),
        )

    @changing(PermissionsCopy)
    @action(
        methods=["post"], detail=False, url_path="copy", pagination_class=None, filter_backends=()
    )
    def copy(self, request: Request) -> Response:
        """Copy a user's permissions to another user, including topic permissions."""
        fields = sent(PermissionsCopy, request, self.body())  # type: ignore[attr-defined]
        return answer_change(
            request,
            f"Copy the permissions of {fields['source']} to {fields['target']} on "
            f"{fields['broker'].name}",
            lambda: copy_permissions(
                broker=fields["broker"],
                source=fields["source"],
                target=fields["target"],
                replace=fields["replace"],
                acting_user=request.user,
            ),
            reason=fields.get("reason", ""),
        )


def _set(*, vhost: str, user: str, fields: Mapping[str, Any], **where: Any) -> list[DesiredObject]:
    patterns = Patterns(*_given(fields, *_PATTERNS))
    return set_permissions(vhosts=[vhost], users=[user], patterns=patterns, **where)


def _clear(*, vhost: str, user: str, **where: Any) -> list[DesiredObject]:
    return clear_permissions(vhosts=[vhost], users=[user], **where)


def _set_topic(*, fields: Mapping[str, Any], **where: Any) -> DesiredObject:
    _given(fields, "write", "read")
    return set_topic(**where, fields=fields)


def _given(fields: Mapping[str, Any], *names: str) -> list[str]:
    """Check that the patterns are given, which a plan of several objects may omit, and return them.
    Raises InvalidField."""
    missing = [name for name in names if name not in fields]
    if missing:
        raise InvalidField(missing[0], f"Give {', '.join(names)}; missing: {', '.join(missing)}.")
    return [fields[name] for name in names]


PERMISSIONS_API = Api(
    create=by_key(PERMISSION, _set),
    edit=partial(edit_permission, PERMISSION),
    delete=by_key(PERMISSION, _clear),
    change=PermissionChange,
    new=PermissionNew,
    verbs=("Set", "Edit", "Clear"),
    replaces=True,
    called="permission of {1} on {0}",
    said={
        "": "Permissions of RabbitMQ users in virtual hosts.",
        "read": "A RabbitMQ user's permission in a virtual host: three regular expressions for names.",
        "create": "Set a user's permission in a virtual host (`rabbitmqctl set_permissions`). Replaces an existing permission.",
        "partial_update": "Edit a permission. Patterns you leave out keep their values.",
        "destroy": "Clear a user's permission in a virtual host (`rabbitmqctl clear_permissions`).",
    },
    more=_Many,
)
TOPICS_API = Api(
    create=_set_topic,
    edit=partial(edit_permission, TOPIC_PERMISSION),
    delete=clear_topic,
    change=TopicPermissionChange,
    new=TopicPermissionNew,
    verbs=("Set", "Edit", "Clear"),
    replaces=True,
    called="topic permission of {1} on {2} in {0}",
    said={
        "": "Permissions of RabbitMQ users on topic exchanges.",
        "read": "A RabbitMQ user's permission on a topic exchange: regular expressions for routing keys.",
        "create": f"Set a user's topic permission on an exchange (`rabbitmqctl set_{TOPIC_PERMISSION.section.name}`). Replaces an existing one.",
        "partial_update": "Edit a topic permission. Patterns you leave out keep their values.",
        "destroy": "Clear a user's topic permission on an exchange.",
    },
)
