"""Forms of export and import. They only read input; the rules are in the services."""

from __future__ import annotations

from typing import Any

from django import forms

from console.errors import ConsoleError, InvalidField
from console.models import Broker
from console.reconcile.definitions.text import MOST_BYTES
from console.reconcile.definitions.transformations import ABOUT_TRANSFORMATIONS
from vhosts.definitions.import_file import ImportOptions

_TEXT = {"class": "form-control", "autocomplete": "off", "spellcheck": "false"}
_SELECT = {"class": "form-select"}
_CHECK = {"class": "form-check-input"}


class _Form(forms.Form):
    def __init__(self, *args: Any, brokers: list[Broker], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.brokers = {str(one.pk): one for one in brokers}
        for name in ("broker", "source"):
            if name in self.fields:
                field = self.fields[name]
                # With several brokers, none is preselected.
                none = [("", "Select a broker")] if len(brokers) > 1 else []
                field.choices = none + [(pk, one.name) for pk, one in self.brokers.items()]  # type: ignore[attr-defined]
                field.error_messages["required"] = "Select a broker."

    def chosen(self, name: str = "broker") -> Broker:
        return self.brokers[self.cleaned_data[name]]

    def refuse(self, error: ConsoleError) -> None:
        known = isinstance(error, InvalidField) and error.field in self.fields
        self.add_error(error.data["field"] if known else None, error.message)


def _vhost(about: str, **more: Any) -> forms.CharField:
    return forms.CharField(
        max_length=255,
        strip=False,
        label="Virtual host",
        widget=forms.TextInput(attrs={**_TEXT, "list": "known-vhosts"}),
        help_text=about,
        **more,
    )


def _switch(label: str, about: str) -> forms.BooleanField:
    return forms.BooleanField(
        required=False, label=label, widget=forms.CheckboxInput(attrs=_CHECK), help_text=about
    )


def _transformations() -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        required=False,
        choices=[(name, about) for name, about in ABOUT_TRANSFORMATIONS.items()],
        widget=forms.CheckboxSelectMultiple(attrs=_CHECK),
        label="Transformations",
        help_text="The same transformations as in rabbitmqadmin v2.",
    )


class ExportForm(_Form):
    prefix = "export"
    broker = forms.ChoiceField(
        widget=forms.Select(attrs=_SELECT), help_text="Exported from the broker's current state."
    )
    vhost = _vhost(
        "Empty exports the whole broker, including users and permissions.", required=False
    )
    secrets = _switch(
        "Secrets",
        "Password hashes, and passwords in the addresses of shovels and federation upstreams. "
        "Anyone with the file can try to crack them.",
    )
    transformations = _transformations()


class ImportForm(_Form):
    prefix = "import"
    file = forms.FileField(
        required=False,
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"class": "form-control", "accept": ".json,application/json"}),
        help_text="RabbitMQ definitions as JSON, up to 20 MB: from this page, rabbitmqctl "
        "export_definitions, rabbitmqadmin or the management plugin.",
    )
    broker = forms.ChoiceField(
        widget=forms.Select(attrs=_SELECT), help_text="The broker to import into."
    )
    vhost = _vhost(
        "Empty imports everything in the file. Otherwise, only into this virtual host, which is created if "
        "missing; users aren't imported.",
        required=False,
    )
    prune = _switch(
        "Objects not in the file",
        "Deletes objects of the kinds in the file that the file doesn’t list. Never deletes the console’s own user.",
    )
    transformations = _transformations()

    def clean_file(self) -> Any:
        sent = self.cleaned_data.get("file")
        if not sent:
            raise forms.ValidationError("Select a file.")
        if sent.size > MOST_BYTES:
            raise forms.ValidationError(f"The file is larger than {MOST_BYTES // 1024 // 1024} MB.")
        return sent

    def options(self) -> ImportOptions:
        given = self.cleaned_data
        return ImportOptions(
            vhost=given["vhost"] or None,
            prune=given["prune"],
            transformations=tuple(given["transformations"]),
        )


class CopyForm(_Form):
    prefix = "copy"
    source = forms.ChoiceField(widget=forms.Select(attrs=_SELECT), label="From broker")
    source_vhost = _vhost("Copies everything in it except messages.")
    broker = forms.ChoiceField(widget=forms.Select(attrs=_SELECT), label="To broker")
    vhost = _vhost("Its name on the target broker. Empty: the same name.", required=False)
    permissions = _switch("Permissions", "Only of users that also exist on the target broker.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["source_vhost"].label = "From virtual host"
        self.fields["vhost"].label = "To virtual host"

    def options(self) -> ImportOptions:
        source = self.cleaned_data["source_vhost"]
        return ImportOptions(vhost=self.cleaned_data["vhost"] or source, source_vhost=source)
