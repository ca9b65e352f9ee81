"""The form of a broker: reads typed values into BrokerSettings. The registry defines the rules."""

from __future__ import annotations

from typing import Any

from django import forms

from console.brokers.broker_settings import LARGEST_PEM, SECRETS, BrokerSettings, checked_columns
from console.errors import InvalidField
from console.faces.acts.forms import WriteOnlyText
from console.models import Broker, Environment
from console.models.brokers import default_poll_interval_s
from console.rabbitmq.endpoint import Secret

#: Columns of the registry that the form has a field for.
_COLUMNS = (
    "name", "environment", "management_url", "other_urls", "amqp_url", "username", "tls_verify", "tls_ca_pem",
    "tls_server_name", "tls_client_certificate", "enabled", "poll_interval_s",
)  # fmt: skip
#: Valid values that replace those already known to be wrong.
_HARMLESS: dict[str, Any] = {
    "name": "broker", "environment": Environment.PRODUCTION, "management_url": "https://broker.example",
    "other_urls": "", "amqp_url": "", "username": "user", "tls_verify": True, "tls_ca_pem": "", "tls_server_name": "",
    "tls_client_certificate": "", "enabled": True, "poll_interval_s": 10,
}  # fmt: skip


class BrokerForm(forms.Form):
    """The form of a broker. `broker` is the one to edit, None for a new one. `testing` reads only
    what Test connection needs: the name is optional."""

    name = forms.CharField(
        max_length=100,
        help_text="A unique name for the broker in this console.",
        error_messages={"required": "Enter a name for the broker."},
    )
    environment = forms.ChoiceField(
        choices=Environment.choices,
        initial=Environment.PRODUCTION,
        help_text="Production brokers are marked on every page, and destructive operations need extra confirmation.",
    )
    enabled = forms.BooleanField(
        required=False,
        initial=True,
        label="Polling",
        help_text="Off: Warren doesn’t contact the broker and keeps the data it has.",
    )
    management_url = forms.CharField(
        max_length=500,
        label="Management URL",
        help_text="URL of RabbitMQ’s management API, such as https://rabbit.example.org:15671, "
        "including the path prefix, if any. Don’t include user and password.",
        error_messages={"required": "Enter the URL of the management API."},
    )
    other_urls = forms.CharField(
        required=False,
        max_length=8000,
        label="Other management URLs",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="For a cluster: URLs of its other nodes, one per line. If the first URL doesn’t answer, Warren "
        "reads and applies changes through the next one. The same user and certificates are used.",
    )
    username = forms.CharField(
        max_length=255,
        strip=False,
        label="User",
        help_text="A RabbitMQ user with the monitoring tag (to monitor) or administrator tag (to manage).",
        error_messages={"required": "Enter a RabbitMQ user of the broker."},
    )
    password = forms.CharField(
        required=False,
        strip=False,
        max_length=1000,
        help_text="Stored encrypted; never shown again.",
    )
    amqp_url = forms.CharField(
        required=False,
        max_length=500,
        label="AMQP URL",
        help_text="Such as amqps://rabbit.example.org:5671. Empty: detected from the broker’s "
        "listeners. Used to publish, to read queues and, as a last resort, to read depths.",
    )
    tls_verify = forms.BooleanField(
        required=False,
        initial=True,
        label="Verify the certificate",
        help_text="Checks the broker’s identity. Disable only for a first attempt on a test system.",
    )
    tls_ca_pem = forms.CharField(
        required=False,
        strip=False,
        max_length=LARGEST_PEM,
        label="CA certificates",
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="PEM of the CA that signed the broker’s certificate. It replaces "
        "the system’s trust store. Empty: the system’s trust store.",
    )
    allow_duplicate = forms.BooleanField(
        required=False,
        label="Register it twice",
        help_text="Its queues and messages then count twice in every total.",
    )
    tls_ca_file = forms.FileField(required=False, label="CA certificates file")
    tls_server_name = forms.CharField(
        required=False,
        max_length=253,
        label="Certificate name",
        help_text="Set this if the certificate’s name differs from the host in the URL.",
    )
    tls_client_certificate = forms.CharField(
        required=False,
        strip=False,
        max_length=LARGEST_PEM,
        label="Client certificate",
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="PEM, with its chain, for a broker that asks for one (fail_if_no_peer_cert). Used over HTTPS "
        "and AMQPS. Empty: no certificate is sent, and a stored key is deleted.",
    )
    tls_client_key = forms.CharField(
        required=False,
        strip=False,
        max_length=LARGEST_PEM,
        label="Client key",
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="PEM, without a passphrase. Stored encrypted and never shown again.",
    )
    poll_interval_s = forms.IntegerField(
        min_value=5,
        max_value=3600,
        label="Poll interval",
        help_text="5 to 3600 seconds. How often depths are read. Figures older than two intervals "
        "are marked as stale.",
        error_messages={
            "required": "Enter the poll interval in seconds, from 5 to 3600.",
            "invalid": "The poll interval must be a whole number of seconds.",
            "min_value": "The poll interval must be at least 5 seconds.",
            "max_value": "The poll interval can be at most 3600 seconds.",
        },
    )
    generation = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(
        self, *args: Any, broker: Broker | None = None, testing: bool = False, **kwargs: Any
    ) -> None:
        initial: dict[str, Any] = {"poll_interval_s": default_poll_interval_s()}
        if broker is not None:
            initial = {name: getattr(broker, name) for name in _COLUMNS}
            initial["generation"] = broker.generation
        kwargs["initial"] = initial
        super().__init__(*args, **kwargs)
        self.broker, self.testing = broker, testing
        self.fields["name"].required = not testing
        if broker is None:
            self.fields["password"].error_messages["required"] = (
                "Enter the password of the broker’s user."
            )
            self.fields["password"].required = True
        elif broker.has_password:
            self.fields["password"].help_text = "A password is stored. Leave empty to keep it."
        else:
            self.fields["password"].help_text = "None is stored: polling waits for it."
        if broker is not None and broker.has_tls_client_key:
            self.fields["tls_client_key"].help_text = "Stored. Leave empty to keep it."
        self._dress()

    def _dress(self) -> None:
        """Set the controls' CSS classes, and the attributes for assistive technology."""
        for name, field in self.fields.items():
            attributes = field.widget.attrs
            if isinstance(field, forms.BooleanField):
                attributes["class"] = "form-check-input"
            elif isinstance(field, forms.ChoiceField):
                attributes["class"] = "form-select"
            else:
                attributes["class"] = "form-control"
            attributes |= {"autocomplete": "off", "spellcheck": "false"}
            described = [f"id_{name}_error"] + ([f"id_{name}_helptext"] if field.help_text else [])
            attributes["aria-describedby"] = " ".join(described)
        self.fields["password"].widget = forms.PasswordInput(
            attrs={
                **self.fields["password"].widget.attrs,
                "autocomplete": "new-password",
            }
        )
        # Never shown with the typed value.
        self.fields["tls_client_key"].widget = WriteOnlyText(
            attrs=self.fields["tls_client_key"].widget.attrs
        )
        for name in ("management_url", "amqp_url"):
            self.fields[name].widget.input_type = "text"
            self.fields[name].widget.attrs |= {"inputmode": "url", "autocapitalize": "none"}

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"])
        taken = Broker.objects.filter(name=name)
        if self.broker is not None:
            taken = taken.exclude(pk=self.broker.pk)
        if not self.testing and taken.exists():
            raise forms.ValidationError(f"A broker named {name} already exists.")
        return name

    def clean(self) -> dict[str, Any]:
        super().clean()
        given = self.cleaned_data
        if uploaded := given.get("tls_ca_file"):
            given["tls_ca_pem"] = self._uploaded_pem(uploaded)
        # The registry reports one field at a time. Replace that field and check again, so that
        # people see all errors at once.
        values = {**_HARMLESS, **{name: given[name] for name in _COLUMNS if name in given}}
        values["name"] = values["name"] or _HARMLESS["name"]
        key = given.get("tls_client_key")
        for _ in _COLUMNS:
            try:
                checked_columns(
                    BrokerSettings(**values, tls_client_key=Secret(key) if key else None)
                )
            except InvalidField as error:
                self.refuse(error)
                if error.field == "tls_client_key":
                    key = ""
                    continue
                if error.field not in values or values[error.field] == _HARMLESS[error.field]:
                    break
                values[error.field] = _HARMLESS[error.field]
            else:
                break
        return given

    def refuse(self, error: InvalidField) -> None:
        """Show the registry's error at its field."""
        self.add_error(error.field if error.field in self.fields else None, error.message)

    def settings(self) -> BrokerSettings:
        """Return the typed settings. The form must be cleaned."""
        given = {name: self.cleaned_data[name] for name in _COLUMNS}
        given["name"] = given["name"] or (self.broker.name if self.broker else "unnamed")
        for name in SECRETS:
            given[name] = Secret(self.cleaned_data[name]) if self.cleaned_data[name] else None
        return BrokerSettings(**given)

    def invalid_fields(self) -> None:
        """Mark the controls in error, for assistive technology and for the style."""
        for name in self.errors:
            if name in self.fields:
                self.fields[name].widget.attrs["aria-invalid"] = "true"

    def _uploaded_pem(self, uploaded: Any) -> str:
        if uploaded.size > LARGEST_PEM:
            self.add_error("tls_ca_file", "The file is larger than 200 KB: is it a certificate?")
            return ""
        try:
            return str(uploaded.read().decode("utf-8"))
        except UnicodeDecodeError:
            self.add_error("tls_ca_file", "The file isn’t PEM text (-----BEGIN CERTIFICATE-----).")
            return ""
