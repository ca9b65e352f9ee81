from __future__ import annotations

from typing import Any

from django import forms

from accessctl.authorize import AnyUser
from accessctl.explain import ACTS, Act
from accessctl.reach import reach_of
from accessctl.rights import Permission
from console.models import Broker

_LONGEST = 1_000


class _Name(forms.CharField):
    """A RabbitMQ name: leading and trailing spaces count."""

    def __init__(self, offered: str = "", **kwargs: Any) -> None:
        attrs = {"class": "form-control", "autocomplete": "off", "spellcheck": "false"}
        if offered:
            attrs["list"] = offered
        super().__init__(
            strip=False, max_length=_LONGEST, widget=forms.TextInput(attrs=attrs), **kwargs
        )


class ExplainForm(forms.Form):
    """Ask whether a RabbitMQ user may do something. Sent by GET, so that the answer has a URL."""

    broker = forms.ModelChoiceField(
        Broker.objects.none(),
        empty_label=None,
        widget=forms.Select(attrs={"class": "form-select"}),
    )
    vhost = _Name(label="Virtual host", offered="known-vhosts", initial="/", required=False)
    user = _Name(label="RabbitMQ user", offered="known-users")
    act = forms.ChoiceField(
        label="Operation",
        choices=[(act.value, words.label) for act, words in ACTS.items()],
        initial=Act.PUBLISH,
        widget=forms.Select(attrs={"class": "form-select"}),
    )
    target = _Name(
        label="Queue or exchange",
        required=False,
        help_text="The queue or exchange name. amq.default, or empty, is the default exchange. When declaring a queue, "
        "an empty name means a server-named queue.",
    )
    source = _Name(
        label="Bound from",
        required=False,
        help_text="For bind and unbind: the source exchange.",
    )
    routing_key = _Name(
        label="Routing key",
        required=False,
        help_text="Only relevant on topic exchanges where the user has a topic permission. Empty: any.",
    )
    dead_letter_exchange = _Name(
        label="Dead letter exchange",
        required=False,
        help_text="For declaring a queue with x-dead-letter-exchange.",
    )
    alternate_exchange = _Name(
        label="Alternate exchange",
        required=False,
        help_text="For declaring an exchange with alternate-exchange.",
    )
    remote = forms.BooleanField(
        label="Remote connection",
        required=False,
        widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
    )

    def __init__(self, *args: Any, user: AnyUser, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        brokers = Broker.objects.visible_to(user).select_related("status")
        choices = brokers.filter(reach_of(user).brokers(Permission.EXPLAIN_USE))
        field: Any = self.fields["broker"]
        field.queryset = choices
        if len(choices.order_by()[:2]) > 1:  # with several, none is preselected
            field.empty_label = "Select a broker"
            field.error_messages["required"] = "Select a broker."

    def asked(self) -> dict[str, Any]:
        """Return the arguments of explain_access, from a valid form. An empty field counts as not
        given."""
        said = dict(self.cleaned_data)
        for name in ("routing_key", "dead_letter_exchange", "alternate_exchange", "remote"):
            said[name] = said[name] or None
        return said
