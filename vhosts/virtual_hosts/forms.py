"""Forms of virtual hosts. The services check the rules; forms only read the input."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms

from accessctl.authorize import may
from accessctl.rights import Permission
from console.engine.proposal import DesiredObject
from console.faces.acts.forms import CHECK, SELECT, TEXT, ActForm, Limit, Name, Row, words_of
from console.faces.drawing import Opened, OwnForm
from console.kinds.vhost import DEFAULT_TYPE
from console.models import Broker
from vhosts.models import VirtualHost
from vhosts.virtual_hosts.rules import MOST_DESCRIPTION, QUEUE_TYPES

_LIMITS = {"max_connections": "max-connections", "max_queues": "max-queues"}


class VhostForm(ActForm):
    """Create or edit a virtual host. `spec` is the current desired state; None for a new one.
    `may_limit`: whether limits are offered; `knows_protection`: whether the broker has deletion
    protection."""

    layout = (
        (
            "Virtual host",
            (
                Row("name"),
                *(Row(one, optional=True) for one in ("description", "tags", DEFAULT_TYPE)),
            ),
        ),
        (
            "Limits",
            (
                Row("max_connections", optional=True, unit="connections"),
                Row("max_queues", optional=True, unit="queues"),
            ),
        ),
        (
            "Options",
            (
                Row("tracing", switch="Copy every message to amq.rabbitmq.trace"),
                Row("protected_from_deletion", switch="Protect from deletion"),
            ),
        ),
    )

    name = Name(
        help_text="1 to 255 bytes, such as / or /test/4730. Enter slashes as they are. The name can't be "
        "changed later.",
        error_messages={"required": "Enter a name."},
    )
    description = forms.CharField(
        required=False,
        strip=False,
        max_length=MOST_DESCRIPTION,
        widget=forms.TextInput(attrs=TEXT),
        help_text="Purpose of the virtual host. RabbitMQ: description.",
    )
    tags = forms.CharField(
        required=False,
        max_length=5000,
        widget=forms.TextInput(attrs=TEXT),
        help_text="Separate tags with commas. They are for people and tools; RabbitMQ gives them no meaning.",
    )
    max_connections = Limit(
        help_text="Maximum concurrent client connections. 0 allows none; empty means no limit. RabbitMQ: "
        "max-connections."
    )
    max_queues = Limit(
        help_text="Maximum number of queues. 0 allows none; empty means no limit. RabbitMQ: max-queues."
    )
    tracing = forms.BooleanField(
        required=False,
        widget=forms.CheckboxInput(attrs=CHECK),
        help_text="For troubleshooting; reduces throughput while enabled. RabbitMQ: tracing.",
    )
    protected_from_deletion = forms.BooleanField(
        required=False,
        label="Deletion",
        widget=forms.CheckboxInput(attrs=CHECK),
        help_text="RabbitMQ won't delete it for anyone until protection is disabled.",
    )

    def __init__(
        self,
        *args: Any,
        spec: Mapping[str, Any] | None = None,
        may_limit: bool,
        knows_protection: bool,
        generation: int | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs["initial"] = {**_initial(spec or {}), "generation": generation}
        super().__init__(*args, **kwargs)
        present = (spec or {}).get(DEFAULT_TYPE) or ""
        types = [one for one in (*QUEUE_TYPES, present) if one]
        self.fields[DEFAULT_TYPE] = forms.ChoiceField(
            choices=[
                ("", "Not set: the node's default, usually classic"),
                *((one, one) for one in dict.fromkeys(types)),
            ],
            required=False,
            widget=forms.Select(attrs=SELECT),
            help_text=f"The type of queues declared without x-queue-type. RabbitMQ: {DEFAULT_TYPE}.",
        )
        self.order_fields(["generation", "name", "description", "tags", DEFAULT_TYPE])
        if spec is not None:
            del self.fields["name"]
        if not may_limit:
            del self.fields["max_connections"], self.fields["max_queues"]
        if not knows_protection:
            del self.fields["protected_from_deletion"]

    def field_of(self, field: str) -> str | None:
        if field == "limits":
            return "max_connections" if "max_connections" in self.fields else None
        return super().field_of(field)

    def wanted(self) -> dict[str, Any]:
        """Return the fields of a valid form; values that the form doesn't offer are left out and
        don't change."""
        said = self.cleaned_data
        fields: dict[str, Any] = {
            "description": said["description"],
            "tags": words_of(said["tags"]),
            DEFAULT_TYPE: said[DEFAULT_TYPE] or None,
            "tracing": said["tracing"],
        }
        if "protected_from_deletion" in self.fields:
            fields["protected_from_deletion"] = said["protected_from_deletion"]
        if "max_connections" in self.fields:
            fields["limits"] = {limit: said[name] for name, limit in _LIMITS.items()}
        return fields


def _initial(spec: Mapping[str, Any]) -> dict[str, Any]:
    limits = spec.get("limits") or {}
    return {
        **{name: value for name, value in spec.items() if name not in ("tags", "limits")},
        "tags": ", ".join(spec.get("tags") or []),
        **{name: limits.get(limit) for name, limit in _LIMITS.items()},
    }


def _form(opened: Opened) -> VhostForm:
    row = opened.row
    return VhostForm(
        opened.data,
        spec=opened.spec,
        generation=opened.generation,
        may_limit=may(
            opened.user, Permission.VHOSTS_LIMIT, opened.broker, None if row is None else row.name
        ),
        knows_protection=_knows_protection(opened.broker)
        if row is None
        else row.protected_from_deletion is not None,
    )


def _knows_protection(broker: Broker) -> bool:
    """Return whether the broker's virtual hosts can be protected from deletion. RabbitMQ 4.0.6 and
    later report this for each."""
    known = VirtualHost.objects.filter(broker=broker).exclude(protected_from_deletion=None)
    return known.exists()


def _warnings(desired: DesiredObject) -> Iterable[str]:
    if desired.new:
        yield (
            "At first, only the console's own RabbitMQ user "
            f"({desired.broker.username}) has permissions in it. Set permissions next."
        )


VHOST_FORM = OwnForm(
    make=_form,
    about=(
        "An isolated namespace within the broker, with its own queues, exchanges and permissions.",
        "The name can’t be changed.",
    ),
    warnings=_warnings,
)
