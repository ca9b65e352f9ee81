"""The form of a replay. It only reads input; vhosts.messages.dead_letters.replay.service has the rules."""

from __future__ import annotations

from typing import Any

from django import forms

from console.errors import InvalidField
from vhosts.messages.dead_letters.replay.plan import Destination
from vhosts.messages.dead_letters.replay.service import Options

_TEXT = {"class": "form-control", "autocomplete": "off", "spellcheck": "false"}
_NUMBER = {**_TEXT, "inputmode": "numeric"}
_MOST_REASON = 2000


class ReplayForm(forms.Form):
    use_required_attribute = False
    to = forms.ChoiceField(
        label="Target",
        choices=[
            ("original", "Where each message was first published"),
            ("other", "Another exchange of this virtual host"),
        ],
        initial="original",
        widget=forms.Select({"class": "form-select"}),
        help_text="Exchange and routing key of the first death in x-death.",
    )
    exchange = forms.CharField(required=False, strip=False, max_length=255, widget=forms.TextInput(_TEXT), help_text="For another target. Empty: the default exchange, with a queue’s name as key.")  # fmt: skip
    routing_key = forms.CharField(label="Routing key", required=False, strip=False, max_length=255, widget=forms.TextInput(_TEXT), help_text="For another target. Empty: each message’s first key.")  # fmt: skip
    rate = forms.IntegerField(required=False, min_value=1, max_value=100_000, initial=10, widget=forms.NumberInput(_NUMBER), help_text="Empty: as fast as possible.")  # fmt: skip
    skip_hours = forms.IntegerField(label="Skip older than", required=False, min_value=1, max_value=100_000, widget=forms.NumberInput(_NUMBER), help_text="Messages whose last death was earlier stay. Empty: none.")  # fmt: skip
    stop_percent = forms.IntegerField(label="Stop at", required=False, min_value=1, max_value=100, initial=10, widget=forms.NumberInput(_NUMBER), help_text="Stops when so many have arrived in the queue again while the job runs; other dead letters count too. Empty: never.")  # fmt: skip
    reason = forms.CharField(required=False, max_length=_MOST_REASON, widget=forms.TextInput(_TEXT), help_text="Reason or ticket number; stored in the audit log.")  # fmt: skip

    def options(self, marks: tuple[str, ...] = ()) -> Options:
        """Return the input of a valid form; `marks` name single messages."""
        given: dict[str, Any] = self.cleaned_data
        other = given["to"] == "other"
        key = given["routing_key"] or None
        to = Destination(given["exchange"], key) if other else Destination()
        return Options(
            to,
            given["rate"],
            given["skip_hours"],
            given["stop_percent"],
            given["reason"].strip(),
            marks,
        )

    def refuse(self, error: InvalidField) -> None:
        self.add_error(error.field if error.field in self.fields else None, error.message)
