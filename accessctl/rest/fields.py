from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from console.faces.rest.drawn.managed import Managed
from console.faces.rest.fields import Number, StrictSerializer, Text
from console.kinds.common.names import name_warnings


class SeenOnBroker(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    broker = serializers.IntegerField(source="broker_id", help_text="The broker's ID.")
    broker_name = serializers.CharField(source="broker.name")
    first_seen_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()
    inventory_at = serializers.DateTimeField(
        source="broker.status.inventory_at",
        allow_null=True,
        help_text="When the broker's objects were last listed.",
    )


class Named(serializers.Serializer[Any]):
    confusable = serializers.SerializerMethodField(
        help_text="Whether the name is easily confused: leading or trailing spaces, unusual "
        "Unicode form, invisible or direction-changing characters."
    )

    @extend_schema_field(serializers.BooleanField())
    def get_confusable(self, row: Any) -> bool:
        return bool(name_warnings(row.name))


class UserRead(Managed, Named, SeenOnBroker):
    """A RabbitMQ user as seen on a broker."""

    name = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField())
    has_password = serializers.BooleanField(allow_null=True)
    hashing_algorithm = serializers.CharField()
    limits = serializers.DictField()

    class Meta:
        ref_name = "User"


class TroubleRead(serializers.Serializer[Any]):
    code = serializers.CharField()
    detail = serializers.CharField()

    class Meta:
        ref_name = "Trouble"


class ConnectionRead(serializers.Serializer[Any]):
    """An open client connection."""

    name = serializers.CharField(help_text="The addresses and ports of client and broker.")
    vhost = serializers.CharField()
    node = serializers.CharField(allow_null=True)

    class Meta:
        ref_name = "Connection"


class ConnectionsRead(serializers.Serializer[Any]):
    """A user's open connections, read from the broker, by virtual host and name."""

    read_at = serializers.DateTimeField(
        allow_null=True, help_text="When the broker reported them; null if it didn't."
    )
    trouble = TroubleRead(
        allow_null=True,
        help_text="Why the broker doesn't report connections now. `results` are then older.",
    )
    complete = serializers.BooleanField(
        help_text="False if the list may be incomplete: over the limit, partly unreadable, or "
        "not reported."
    )
    in_part = serializers.BooleanField(
        help_text="The list contains only connections to virtual hosts that you can see."
    )
    count = serializers.IntegerField(allow_null=True, help_text="Null if unknown.")
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = ConnectionRead(many=True)

    class Meta:
        ref_name = "Connections"


class TokenRead(serializers.Serializer[Any]):
    """An API token. Its value is returned only once, when you create it."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    owner = serializers.CharField(source="user.username")
    key = serializers.CharField(source="token_key", help_text="The first characters of the token.")
    created_at = serializers.DateTimeField(source="created")
    expires_at = serializers.DateTimeField(source="expiry", allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True, help_text="Accurate to the minute.")
    scopes = serializers.ListField(
        child=serializers.CharField(),
        allow_null=True,
        help_text="The permissions the token is limited to; null: all permissions of its owner.",
    )
    networks = serializers.ListField(
        child=serializers.CharField(),
        help_text="Networks the token can be used from; empty: anywhere.",
    )

    class Meta:
        ref_name = "Token"


class TokenMade(TokenRead):
    token = serializers.CharField(help_text="Store it now. It is shown only once.")

    class Meta:
        ref_name = "NewToken"


class TokenWrite(StrictSerializer):
    name = Text(max_length=100, help_text="What the token is for.")
    expires_in_days = Number(min_value=1, max_value=366, default=90)
    scopes = serializers.ListField(
        child=Text(max_length=64),
        allow_null=True,
        default=None,
        max_length=100,
        help_text="Permissions to limit the token to; null: all your permissions, now and later.",
    )
    networks = serializers.ListField(
        child=Text(max_length=64),
        default=list,
        max_length=20,
        help_text="Networks the token can be used from, such as 10.1.0.0/16; empty: anywhere.",
    )

    class Meta:
        ref_name = "TokenRequest"


# One object, although the action is named list.
@extend_schema_serializer(many=False)
class WhoamiRead(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    username = serializers.CharField()
    is_superuser = serializers.BooleanField()
    authenticated_by = serializers.ChoiceField(choices=["session", "token"])
    token = TokenRead(allow_null=True)
    permissions = serializers.ListField(
        child=serializers.CharField(),
        help_text="The permissions you have in the console, on any broker.",
    )
