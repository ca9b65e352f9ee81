"""Virtual hosts in the API: bodies and operations."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accessctl.reach import reach_of
from accessctl.rest.fields import Named
from accessctl.rights import Permission
from console.faces.rest.drawn.changing import BrokerField, Reasoned
from console.faces.rest.drawn.managed import Managed
from console.faces.rest.fields import Flag, Number, Text
from console.faces.writes import Api, by_key
from console.kinds.common.kind import Key
from console.kinds.vhost import VHOST
from console.models import Broker
from vhosts.rest.fields import SeenOnBroker
from vhosts.virtual_hosts.rules import create_vhost, delete_vhost, edit_vhost, vhost_state


class VhostRead(Managed, Named, SeenOnBroker):
    """A virtual host as seen on a broker."""

    name = serializers.CharField()
    description = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField())
    default_queue_type = serializers.CharField(help_text="Empty if the broker doesn't report it.")
    tracing = serializers.BooleanField(allow_null=True)
    protected_from_deletion = serializers.BooleanField(allow_null=True)
    cluster_state = serializers.DictField(help_text="The state by node.")
    limits = serializers.DictField()
    first_seen_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()
    inventory_at = serializers.DateTimeField(
        source="broker.status.inventory_at",
        allow_null=True,
        help_text="When the broker's objects were last listed.",
    )

    class Meta:
        ref_name = "VirtualHost"


class VhostChange(Reasoned):
    description = Text(required=False, allow_blank=True, max_length=1000)
    tags = serializers.ListField(child=Text(max_length=255), required=False, max_length=32)
    default_queue_type = Text(
        required=False, allow_blank=True, allow_null=True, max_length=255,
        help_text="classic, quorum or stream; empty: the broker's default.",
    )  # fmt: skip
    tracing = Flag(required=False)
    limits = serializers.DictField(
        child=Number(allow_null=True), required=False,
        help_text="`max-connections`, `max-queues`. A limit you leave out is removed.",
    )  # fmt: skip
    protected_from_deletion = Flag(required=False)

    class Meta:
        ref_name = "VhostChange"


class VhostNew(VhostChange):
    broker = BrokerField(help_text="A broker's ID or name.")
    name = Text(max_length=255)

    class Meta:
        ref_name = "VhostNew"


def _there(broker: Broker, key: Key, user: Any) -> bool:
    # A missing right in the error would reveal a virtual host that the person may not see. The
    # person's rights count here, not their token's.
    seen = reach_of(user).of_the_person.has(Permission.VHOSTS_VIEW, broker, key[0])
    return seen and vhost_state(broker, key[0]).wanted is not None


VHOSTS_API = Api(
    create=by_key(VHOST, create_vhost),
    edit=by_key(VHOST, edit_vhost),
    delete=by_key(VHOST, delete_vhost),
    change=VhostChange,
    new=VhostNew,
    read=VhostRead,
    there=_there,
    said={
        "": "Virtual hosts on all brokers.",
        "create": "Create a virtual host (`rabbitmqctl add_vhost`).",
        "partial_update": "Edit a virtual host. Fields you leave out keep their values.",
        "destroy": "Delete a virtual host and everything in it. `dry_run` lists its contents.",
    },
)
