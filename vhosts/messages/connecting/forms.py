from __future__ import annotations

from typing import Any

from django import forms

from accessctl.authorize import AnyUser
from accessctl.reach import reach_of
from accessctl.rights import Permission
from console.models import Broker
from console.rabbitmq.endpoint import Secret

_LONGEST = 1_000


def _name(label: str, offered: str) -> forms.CharField:
    """A RabbitMQ name: leading and trailing spaces count."""
    attrs = {"class": "form-control", "autocomplete": "off", "spellcheck": "false", "list": offered}
    return forms.CharField(
        label=label, strip=False, max_length=_LONGEST, widget=forms.TextInput(attrs=attrs)
    )


class ConnectForm(forms.Form):
    """Who connects to what. Sent by GET, so that the page has a URL."""

    broker = forms.ModelChoiceField(
        Broker.objects.none(), empty_label=None, widget=forms.Select(attrs={"class": "form-select"})
    )
    vhost = _name("Virtual host", "known-vhosts")
    user = _name("RabbitMQ user", "known-users")

    def __init__(self, *args: Any, viewer: AnyUser, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        brokers = Broker.objects.visible_to(viewer).select_related("status")
        choices = brokers.filter(reach_of(viewer).brokers(Permission.USERS_VIEW))
        field: Any = self.fields["broker"]
        field.queryset = choices
        if len(choices.order_by()[:2]) > 1:  # with several, none is preselected
            field.empty_label = "Select a broker"
            field.error_messages["required"] = "Select a broker."


class ProveForm(forms.Form):
    """The password is never shown again, not even masked."""

    password = forms.CharField(
        strip=False,
        max_length=_LONGEST,
        widget=forms.PasswordInput(
            render_value=False, attrs={"class": "form-control", "autocomplete": "off"}
        ),
        help_text="Used once to sign in, then forgotten. It isn't stored or logged.",
    )
    messages = forms.BooleanField(
        label="Message",
        required=False,
        initial=True,
        widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
    )

    def secret(self) -> Secret:
        """Return the password of a valid form."""
        return Secret(self.cleaned_data["password"])
