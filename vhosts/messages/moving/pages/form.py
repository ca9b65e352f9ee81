"""The form to move, copy or delete messages of a queue."""

from __future__ import annotations

from typing import Any

from django import forms

from accessctl.authorize import AnyUser
from console.errors import InvalidField
from console.faces.acts.forms import CHECK, SELECT, TEXT, ActForm, Limit, Name, Row
from console.models import Broker
from vhosts.messages.moving.places import Mode, Selection, Target
from vhosts.models import Queue

_TO = [
    ("queue", "A queue"),
    ("exchange", "An exchange"),
    ("origin", "Where each message was first published"),
]
_WHICH = [
    ("all", "All that are ready when the job begins"),
    ("first", "The first ones"),
    ("matching", "Those that match"),
]
_CHOSEN = ("chosen", "Those chosen on the page before")
_MOST_FINGERPRINTS = 400_000  # characters


class MoveForm(ActForm):
    layout = (
        ("What", (Row("mode"), Row("which"), Row("count", shown="if-first"))),
        (
            "Messages that match",
            tuple(
                Row(name, optional=True, shown="if-matching")
                for name in ("match_key", "match_header", "match_property", "match_body")
            ),
        ),
        (
            "Where to",
            (
                Row("target_broker", shown="if-target"),
                Row("target_vhost", shown="if-target"),
                Row("to", shown="if-target"),
                Row("target_queue", shown="if-queue"),
                Row("target_exchange", shown="if-exchange"),
                Row("target_key", optional=True, shown="if-exchange"),
                Row(
                    "keep_expiration", switch="Keep a message’s own time to live", shown="if-target"
                ),
            ),
        ),
        ("How", (Row("rate", optional=True, unit="messages/s"), Row("reason", optional=True))),
    )
    mode = forms.ChoiceField(label="Operation", choices=Mode.choices, widget=forms.Select(SELECT))
    which = forms.ChoiceField(label="Messages", choices=_WHICH, widget=forms.Select(SELECT))
    count = Limit(label="How many")
    match_key = Name(label="Routing key contains", required=False)
    match_header = Name(
        label="Header", required=False, help_text="A name, or name=part of its value."
    )
    match_property = Name(label="Property", required=False, help_text="Such as message_id=4711.")
    match_body = Name(
        label="Body contains", required=False, help_text="Needs the right to read payloads."
    )
    fingerprints = forms.CharField(
        required=False, max_length=_MOST_FINGERPRINTS, widget=forms.HiddenInput
    )
    target_broker = forms.ChoiceField(label="Broker", widget=forms.Select(SELECT))
    target_vhost = Name(label="Virtual host", required=False)
    to = forms.ChoiceField(label="To", choices=_TO, widget=forms.Select(SELECT))
    target_queue = Name(label="Queue", required=False)
    target_exchange = Name(label="Exchange", required=False)
    target_key = Name(
        label="Routing key", required=False,
        help_text="Empty: each message keeps the key it was first published with.",
    )  # fmt: skip
    keep_expiration = forms.BooleanField(
        label="Expiration", required=False, initial=True, widget=forms.CheckboxInput(CHECK),
        help_text="It starts again at the target.",
    )  # fmt: skip
    rate = Limit(label="Rate limit", help_text="You can change it while the job runs.")
    reason = forms.CharField(
        label="Reason", required=False, max_length=2000, widget=forms.TextInput(TEXT),
        help_text="Reason or ticket number; stored with the job and in the audit log.",
    )  # fmt: skip

    def __init__(self, *args: Any, source: Queue, user: AnyUser, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.source, self.user = source, user
        brokers = Broker.objects.visible_to(user).filter(enabled=True).order_by("name")
        self.fields["target_broker"].choices = [(str(one.pk), one.name) for one in brokers]  # type: ignore[attr-defined]
        self.fields["target_broker"].initial = str(source.broker_id)
        self.fields["target_broker"].required = False
        self.fields["to"].required = False
        self.fields["target_vhost"].initial = source.vhost
        if self._posted_text("fingerprints"):
            self.fields["which"].choices = [_CHOSEN, *_WHICH]  # type: ignore[attr-defined]

    def _posted_text(self, name: str) -> str:
        return next(iter(self._posted(name)), "") if self.is_bound else ""

    def field_of(self, field: str) -> str | None:
        names = {
            "vhost": "target_vhost", "routing_key": "target_queue", "exchange": "target_exchange",
            "target": "target_broker", "match": "match_header", "header": "match_header",
            "key": "match_key", "body": "match_body", "property": "match_property",
        }  # fmt: skip
        return super().field_of(names.get(field, field))

    def selection(self) -> Selection:
        given = self.cleaned_data
        if given["which"] == "first":
            return Selection.first(given["count"] or 0)
        if given["which"] == "chosen":
            return Selection.chosen(given["fingerprints"].split())
        if given["which"] == "matching":
            match = {
                name: given[f"match_{name}"]
                for name in ("key", "header", "property", "body")
                if given[f"match_{name}"]
            }
            return Selection.matching(match)
        return Selection.all()

    def target(self) -> Target | None:
        """Raises InvalidField."""
        given = self.cleaned_data
        if given["mode"] == Mode.DELETE:
            return None
        wanted = given["target_broker"] or str(self.source.broker_id)
        broker = (
            Broker.objects.visible_to(self.user)
            .select_related("status")
            .filter(pk=int(wanted), enabled=True)
            .first()
        )
        if broker is None:
            raise InvalidField("target", "Select a broker.")
        vhost = given["target_vhost"] or self.source.vhost
        key = given["target_key"] or None
        if given["to"] == "exchange":
            if not given["target_exchange"]:
                raise InvalidField("exchange", "Enter the name of the exchange.")
            return Target(broker, vhost, given["target_exchange"], key)
        if given["to"] == "origin":
            return Target(broker, vhost, None, None)
        if not given["target_queue"]:
            raise InvalidField("routing_key", "Enter the name of the queue.")
        return Target.queue(broker, vhost, given["target_queue"])
