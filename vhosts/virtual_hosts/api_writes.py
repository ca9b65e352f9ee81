"""Virtual hosts created, changed and deleted by the API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accessctl.rights import Permission
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
from console.faces.rest.fields import Flag, Number, Text
from vhosts.virtual_hosts.rules import create_vhost, delete_vhost, edit_vhost, vhost_objections


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


class VhostWrites:
    """The writing operations of VhostsView."""

    write_permissions = {
        "create": Permission.VHOSTS_CREATE,
        "partial_update": Permission.VHOSTS_EDIT,
        "destroy": Permission.VHOSTS_DELETE,
    }
    write_parameters = dict.fromkeys(write_permissions, PARAMETERS)

    @changing(VhostNew)
    def create(self, request: Request) -> Response:
        """Create a virtual host (`rabbitmqctl add_vhost`)."""
        fields = sent(VhostNew, request, self.body())  # type: ignore[attr-defined]
        broker, name, reason = fields.pop("broker"), fields.pop("name"), fields.pop("reason", "")
        return answer_change(
            request,
            f"Create the virtual host {name} on {broker.name}",
            lambda: [
                create_vhost(broker=broker, name=name, fields=fields, acting_user=request.user)
            ],
            reason=reason,
        )

    @changing(VhostChange, if_match=True)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Edit a virtual host. Fields you leave out keep their values."""
        row, generation = self.get_object(), expected_generation(request)  # type: ignore[attr-defined]
        fields = sent(VhostChange, request, self.body())  # type: ignore[attr-defined]
        reason = fields.pop("reason", "")
        return answer_change(
            request,
            f"Edit the virtual host {row.name} on {row.broker.name}",
            lambda: [
                edit_vhost(
                    broker=row.broker,
                    name=row.name,
                    fields=fields,
                    acting_user=request.user,
                    expected_generation=generation,
                )
            ],
            reason=reason,
        )

    @changing(ReasonOnly, if_match=True)
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a virtual host and everything in it. `dry_run` lists its contents."""
        row, generation = self.get_object(), expected_generation(request)  # type: ignore[attr-defined]
        body: dict[str, Any] = self.body(optional=True)  # type: ignore[attr-defined]
        return answer_change(
            request,
            f"Delete the virtual host {row.name} on {row.broker.name}",
            lambda: [
                delete_vhost(
                    broker=row.broker,
                    name=row.name,
                    acting_user=request.user,
                    expected_generation=generation,
                )
            ],
            reason=sent(ReasonOnly, request, body).get("reason", ""),
            objections=lambda wishes: {
                wish.ref: vhost_objections(row.broker, row.name) for wish in wishes
            },
        )
