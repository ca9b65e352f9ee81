"""The console's own models in the Django admin, changed through the same services as everywhere
else."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from console.brokers.broker_settings import (
    LARGEST_PEM,
    SECRETS,
    BrokerSettings,
    check_key_is_there,
    checked_columns,
)
from console.brokers.leftovers import unfinished_changes
from console.brokers.registry import add_broker, edit_broker, forget_broker
from console.errors import InvalidField
from console.faces.acts.forms import WriteOnlyText
from console.faces.admin.site import PlainAdmin, SeenAdmin
from console.models import AuditEntry, Broker, BrokerStatus, Change, Heartbeat, JobRun
from console.rabbitmq.endpoint import Secret

_COLUMNS = (
    "name",
    "environment",
    "management_url",
    "other_urls",
    "amqp_url",
    "username",
    "tls_verify",
    "tls_ca_pem",
    "tls_server_name",
    "tls_client_certificate",
    "enabled",
    "poll_interval_s",
)


class BrokerForm(forms.ModelForm):  # type: ignore[type-arg]
    """The form of a broker. `password` and `tls_client_key` are write-only. `seen_generation` is
    the generation on the page, so that a newer change by somebody else isn't overwritten."""

    password = forms.CharField(
        required=False,
        strip=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Leave empty to keep the stored password. Changing the address or the TLS "
        "settings clears it.",
    )
    tls_client_key = forms.CharField(
        required=False,
        strip=False,
        max_length=LARGEST_PEM,
        widget=WriteOnlyText(attrs={"rows": 5, "autocomplete": "off"}),
        help_text="Leave it empty to keep the stored one.",
    )
    seen_generation = forms.IntegerField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Broker
        fields = _COLUMNS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["seen_generation"].initial = self.instance.generation

    def settings(self) -> BrokerSettings:
        columns = {name: self.cleaned_data[name] for name in _COLUMNS}
        for name in SECRETS:
            typed = self.cleaned_data.get(name)
            columns[name] = Secret(typed) if typed else None
        return BrokerSettings(**columns)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        try:
            checked_columns(self.settings())
            if self.instance.pk is None and not cleaned["password"]:
                raise InvalidField("password", "Enter the password of the broker's user.")
            check_key_is_there(self.settings(), Broker.objects.filter(pk=self.instance.pk).first())
        except InvalidField as error:
            self.add_error(error.field if error.field in self.fields else None, error.message)
        stored = Broker.objects.filter(pk=self.instance.pk).first()
        if stored is not None and stored.generation != cleaned["seen_generation"]:
            self.add_error(None, "Someone else changed this broker. Reload it, then try again.")
        return cleaned


@admin.register(Broker)
class BrokerAdmin(PlainAdmin):
    form = BrokerForm
    fields = (
        *_COLUMNS[:6], "password", *_COLUMNS[6:10], "tls_client_key", *_COLUMNS[10:], "seen_generation",
    )  # fmt: skip
    list_display = ("name", "environment", "management_url", "username", "enabled", "has_password")
    list_filter = ("environment", "enabled")
    search_fields = ("name", "management_url")
    #: Bulk deletion would skip what forgetting a broker shows and asks.
    actions = None

    def save_model(self, request: HttpRequest, obj: Broker, form: Any, change: bool) -> None:
        now, settings = timezone.now(), form.settings()
        if change:
            saved = edit_broker(obj, settings, now=now, acting_user=request.user)
        else:
            # The form can't ask for confirmation; the next poll reports that the cluster is
            # registered twice.
            saved = add_broker(settings, now=now, acting_user=request.user, allow_duplicate=True)
        obj.__dict__.update(saved.__dict__)

    def delete_model(self, request: HttpRequest, obj: Broker) -> None:
        forget_broker(obj, now=timezone.now(), acting_user=request.user)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for broker in queryset:
            forget_broker(broker, now=timezone.now(), acting_user=request.user)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        # Don't list each queue by name: there may be tens of thousands.
        what = [f"{broker} with all its queues and their history" for broker in objs]
        what += [
            f"Unfinished change, which ends as stopped: {change}"
            for broker in objs
            for change in unfinished_changes(broker)
        ]
        return what, {"brokers": len(objs)}, set(), []


@admin.register(BrokerStatus)
class BrokerStatusAdmin(SeenAdmin):
    list_display = ("broker", "state", "state_since", "answered_at", "depths_at", "queues")
    list_filter = ("state",)
    list_select_related = ("broker",)
    search_fields = ("broker__name",)


@admin.register(AuditEntry)
class AuditEntryAdmin(SeenAdmin):
    list_display = ("at", "username", "action", "target", "broker_name", "address")
    search_fields = ("username", "action", "target", "broker_name", "request_id")


@admin.register(Heartbeat)
class HeartbeatAdmin(SeenAdmin):
    list_display = ("name", "at", "host", "pid")


@admin.register(JobRun)
class JobRunAdmin(SeenAdmin):
    list_display = ("name", "started_at", "succeeded_at", "failed_at", "failures", "error")
    ordering = ("name",)


@admin.register(Change)
class ChangeAdmin(SeenAdmin):
    list_display = ("created_at", "title", "author_name", "origin", "state", "finished_at")
    list_filter = ("state", "origin")
    search_fields = ("title", "author_name", "reason")
    exclude = ("request_digest",)

    def view_on_site(self, obj: Change) -> str:  # type: ignore[override]
        return reverse("change", args=[obj.pk])
