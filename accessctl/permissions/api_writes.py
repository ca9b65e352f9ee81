"""Permissions and topic permissions set and taken by the API, one or many at once."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accessctl.permissions.rules import (
    MOST_AT_ONCE,
    Patterns,
    clear_permissions,
    clear_topic_permission,
    copy_permissions,
    edit_permission,
    edit_topic_permission,
    set_permissions,
    set_topic_permission,
)
from accessctl.rights import Permission
from console.errors import InvalidField
from console.faces.rest.changing import (
    PARAMETERS,
    BrokerField,
    Reasoned,
    ReasonOnly,
    answer_change,
    changing,
    expected_generation,
    sent,
)
from console.faces.rest.fields import Flag, Text

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


class PermissionWrites:
    """The writing operations of PermissionsView."""

    write_permissions = dict.fromkeys(
        ("create", "partial_update", "destroy", "many", "copy"), Permission.PERMISSIONS_EDIT
    )
    write_parameters = dict.fromkeys(write_permissions, PARAMETERS)

    @changing(PermissionNew)
    def create(self, request: Request) -> Response:
        """Set a user's permission in a virtual host (`rabbitmqctl set_permissions`). Replaces an existing permission."""
        fields = sent(PermissionNew, request, self.body())  # type: ignore[attr-defined]
        broker, vhost, user = fields["broker"], fields["vhost"], fields["user"]
        return answer_change(
            request,
            f"Set the permission of {user} on {vhost} on {broker.name}",
            lambda: set_permissions(
                broker=broker,
                vhosts=[vhost],
                users=[user],
                patterns=Patterns(*(fields[name] for name in _PATTERNS)),
                acting_user=request.user,
            ),
            reason=fields.get("reason", ""),
        )

    @changing(PermissionChange, if_match=True)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Edit a permission. Patterns you leave out keep their values."""
        row, generation = self.get_object(), expected_generation(request)  # type: ignore[attr-defined]
        fields = sent(PermissionChange, request, self.body())  # type: ignore[attr-defined]
        reason = fields.pop("reason", "")
        return answer_change(
            request,
            f"Edit the permission of {row.user} on {row.vhost} on {row.broker.name}",
            lambda: [
                edit_permission(
                    broker=row.broker,
                    vhost=row.vhost,
                    user=row.user,
                    fields=fields,
                    acting_user=request.user,
                    expected_generation=generation,
                )
            ],
            reason=reason,
        )

    @changing(ReasonOnly, if_match=True)
    def destroy(self, request: Request, pk: str) -> Response:
        """Clear a user's permission in a virtual host (`rabbitmqctl clear_permissions`)."""
        row, generation = self.get_object(), expected_generation(request)  # type: ignore[attr-defined]
        body: dict[str, Any] = self.body(optional=True)  # type: ignore[attr-defined]
        return answer_change(
            request,
            f"Clear the permission of {row.user} on {row.vhost} on {row.broker.name}",
            lambda: clear_permissions(
                broker=row.broker,
                vhosts=[row.vhost],
                users=[row.user],
                acting_user=request.user,
                expected_generation=generation,
            ),
            reason=sent(ReasonOnly, request, body).get("reason", ""),
        )

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


class TopicPermissionWrites:
    """The writing operations of TopicPermissionsView."""

    write_permissions = dict.fromkeys(
        ("create", "partial_update", "destroy"), Permission.PERMISSIONS_EDIT
    )
    write_parameters = dict.fromkeys(write_permissions, PARAMETERS)

    @changing(TopicPermissionNew)
    def create(self, request: Request) -> Response:
        """Set a user's topic permission on an exchange (`rabbitmqctl set_topic_permissions`). Replaces an existing one."""
        fields = sent(TopicPermissionNew, request, self.body())  # type: ignore[attr-defined]
        reason = fields.pop("reason", "")
        return answer_change(
            request,
            f"Set the topic permission of {fields['user']} on {fields['exchange']} in "
            f"{fields['vhost']} on {fields['broker'].name}",
            lambda: [set_topic_permission(**fields, acting_user=request.user)],
            reason=reason,
        )

    @changing(TopicPermissionChange, if_match=True)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Edit a topic permission. Patterns you leave out keep their values."""
        row, generation = self.get_object(), expected_generation(request)  # type: ignore[attr-defined]
        fields = sent(TopicPermissionChange, request, self.body())  # type: ignore[attr-defined]
        reason = fields.pop("reason", "")
        return answer_change(
            request,
            f"Edit the topic permission of {row.user} on {row.exchange} in {row.vhost} "
            f"on {row.broker.name}",
            lambda: [
                edit_topic_permission(
                    broker=row.broker,
                    vhost=row.vhost,
                    user=row.user,
                    exchange=row.exchange,
                    fields=fields,
                    acting_user=request.user,
                    expected_generation=generation,
                )
            ],
            reason=reason,
        )

    @changing(ReasonOnly, if_match=True)
    def destroy(self, request: Request, pk: str) -> Response:
        """Clear a user's topic permission on an exchange."""
        row, generation = self.get_object(), expected_generation(request)  # type: ignore[attr-defined]
        body: dict[str, Any] = self.body(optional=True)  # type: ignore[attr-defined]
        return answer_change(
            request,
            f"Clear the topic permission of {row.user} on {row.exchange} in "
            f"{row.vhost} on {row.broker.name}",
            lambda: [
                clear_topic_permission(
                    broker=row.broker,
                    vhost=row.vhost,
                    user=row.user,
                    exchange=row.exchange,
                    acting_user=request.user,
                    expected_generation=generation,
                )
            ],
            reason=sent(ReasonOnly, request, body).get("reason", ""),
        )
