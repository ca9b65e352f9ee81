"""Permissions and topic permissions in the Django admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accessctl.models import BrokerPermission, BrokerTopicPermission
from accessctl.patterns.check import dialect_of
from accessctl.permissions import rules as service
from accessctl.permissions.face import PERMISSIONS, TOPIC_PERMISSIONS
from console.faces.acts.acts import Asked
from console.faces.acts.forms import ActForm
from console.models import Broker
from vhosts.administration.seen import SeenObjectAdmin
from vhosts.matrix.forms import PermissionForm, TopicPermissionForm, grouped, rights_of
from vhosts.matrix.requests import desired_objects_of, title_of


@admin.register(BrokerPermission)
class BrokerPermissionAdmin(SeenObjectAdmin):
    word = "permission"
    face = PERMISSIONS
    about = "A user's permission in a virtual host: three regular expressions for names."
    list_display = ("user", "vhost", "broker", "configure", "write", "read")
    search_fields = ("user", "vhost")

    def form_of(self, request: HttpRequest, broker: Broker, row: Any) -> ActForm:
        dialect = dialect_of(broker.status.erlang_version)
        if row is None:
            return PermissionForm(request.POST or None, dialect=dialect)
        current = service.state_of(self.face.kind, broker, self.face.key_of(row))
        return PermissionForm(
            request.POST or None,
            cells=grouped([(row.user, row.vhost)]),
            dialect=dialect,
            initial={
                "generation": current.generation,
                **rights_of(current.wanted or current.observed),
            },
        )

    def wanted(self, request: HttpRequest, broker: Broker, row: Any, form: Any) -> Asked:
        desired_objects, clear = desired_objects_of(request, broker, form), form.wanted() is None
        return Asked(
            title=title_of(desired_objects, clear=clear),
            desired_objects=desired_objects,
            act="Clear permission" if clear else "Set permission",
            back=self.list_address,
            warnings=form.notes,
            danger=clear,
        )


@admin.register(BrokerTopicPermission)
class BrokerTopicPermissionAdmin(SeenObjectAdmin):
    word = "topic permission"
    face = TOPIC_PERMISSIONS
    about = "The routing keys that a user can publish and bind with on a topic exchange."
    list_display = ("user", "vhost", "exchange", "broker", "write", "read")
    search_fields = ("user", "vhost", "exchange")

    def form_of(self, request: HttpRequest, broker: Broker, row: Any) -> ActForm:
        initial: dict[str, Any] = {}
        if row is not None:
            current = service.state_of(self.face.kind, broker, self.face.key_of(row))
            initial = {
                "generation": current.generation,
                **(current.wanted or current.observed or {}),
            }
        form = TopicPermissionForm(
            request.POST or None, dialect=dialect_of(broker.status.erlang_version), initial=initial
        )
        if row is not None:
            for name in ("user", "vhost", "exchange"):
                del form.fields[name]
        return form

    def wanted(self, request: HttpRequest, broker: Broker, row: Any, form: Any) -> Asked:
        said = form.cleaned_data
        if row is None:
            vhost, user, exchange = said["vhost"], said["user"], said["exchange"]
        else:
            vhost, user, exchange = self.face.key_of(row)
        desired = service.set_topic(
            broker=broker,
            key=(vhost, user, exchange),
            fields={name: said[name] for name in ("write", "read")},
            acting_user=request.user,
            expected_generation=said["generation"],
        )
        return Asked(
            title=f"Set the topic permission of {user} on {exchange} in {vhost}",
            desired_objects=[desired],
            act="Set topic permission",
            back=self.list_address,
            warnings=form.notes,
        )
