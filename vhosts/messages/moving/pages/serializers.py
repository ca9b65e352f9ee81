"""What the API reads and shows of jobs."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from console.faces.rest.drawn.changing import BrokerField
from console.faces.rest.fields import Flag, Number, StrictSerializer, Text
from vhosts.messages.moving import start as jobs
from vhosts.messages.moving.model import MessageJob, MessageOutcome
from vhosts.messages.moving.pages.views import target_words
from vhosts.messages.moving.places import Mode, Selection, Target


class TargetWrite(StrictSerializer):
    broker = BrokerField(required=False, help_text="A broker's ID or name. Default: the source's.")
    vhost = Text(required=False, help_text="Default: the source's.")
    queue = Text(required=False, help_text="A queue; or send `exchange`.")
    exchange = Text(required=False, help_text="An exchange; or send `queue`.")
    routing_key = Text(
        required=False, allow_blank=True,
        help_text="With `exchange`. Default: the key that each message was first published with.",
    )  # fmt: skip
    origin = Flag(
        required=False, help_text="true: where each message was first published, by `x-death`."
    )

    class Meta:
        ref_name = "MessageJobTarget"


class JobWrite(StrictSerializer):
    broker = BrokerField(help_text="A broker's ID or name.")
    vhost = Text(help_text="The virtual host of the source.")
    queue = Text(help_text="The source.")
    mode = serializers.ChoiceField(choices=Mode.choices)
    target = TargetWrite(required=False, help_text="Not for `delete`.")
    first = Number(required=False, min_value=1, help_text="Only the first so many messages.")
    fingerprints = serializers.ListField(
        child=Text(), required=False, help_text="Only messages with these fingerprints."
    )
    match = serializers.DictField(
        child=Text(), required=False,
        help_text="Only messages that match: `header`, `property`, `key`, `exchange`, `body`.",
    )  # fmt: skip
    rate = Number(required=False, min_value=1, max_value=jobs.FASTEST, help_text="Messages a second at most.")  # fmt: skip
    keep_expiration = Flag(required=False, help_text="Whether a message's own time to live is kept. Default: true.")  # fmt: skip
    confirm = Text(
        required=False, allow_blank=True,
        help_text="The queue's name. Required to delete in production.",
    )  # fmt: skip
    reason = Text(required=False, allow_blank=True, max_length=2000)

    class Meta:
        ref_name = "MessageJobWrite"

    def selection(self) -> Selection:
        given = self.validated_data
        kinds = [name for name in ("first", "fingerprints", "match") if name in given]
        if len(kinds) > 1:
            raise ValidationError({kinds[1]: ["Send only one of first, fingerprints and match."]})
        if "first" in given:
            return Selection.first(given["first"])
        if "fingerprints" in given:
            return Selection.chosen(given["fingerprints"])
        return Selection.matching(given["match"]) if "match" in given else Selection.all()

    def target_place(self) -> Target | None:
        given, source = self.validated_data.get("target"), self.validated_data
        if given is None:
            return None
        kinds = [name for name in ("queue", "exchange", "origin") if given.get(name)]
        if len(kinds) != 1:
            raise ValidationError({"target": ["Send one of queue, exchange and origin."]})
        broker, vhost = given.get("broker") or source["broker"], given.get("vhost") or source["vhost"]  # fmt: skip
        if kinds == ["queue"]:
            return Target.queue(broker, vhost, given["queue"])
        return Target(broker, vhost, given.get("exchange"), given.get("routing_key"))


class RateWrite(StrictSerializer):
    rate = Number(allow_null=True, min_value=1, max_value=jobs.FASTEST, help_text="Messages a second at most; null for no limit.")  # fmt: skip

    class Meta:
        ref_name = "MessageJobRate"


class OutcomeRead(serializers.ModelSerializer[MessageOutcome]):
    class Meta:
        model = MessageOutcome
        ref_name = "MessageJobOutcome"
        fields = ("at", "outcome", "fingerprint", "message_id", "exchange", "routing_key", "reason")


class PlanRead(serializers.Serializer[Any]):
    count = serializers.IntegerField(allow_null=True, help_text="Ready messages; null if unknown.")
    does = serializers.ListField(child=serializers.CharField())
    warnings = serializers.ListField(child=serializers.CharField())
    refusals = serializers.ListField(child=serializers.CharField())

    class Meta:
        ref_name = "MessageJobPlan"


class JobRead(serializers.ModelSerializer[MessageJob]):
    """A job. `confirmed`, `returned`, `refused`, `twice`, `unknown`, `skipped` and `deleted` count
    messages (docs/messages.md)."""

    broker = serializers.IntegerField(source="broker_id", help_text="The source's broker.")
    author = serializers.CharField(source="author_name")
    selection = serializers.SerializerMethodField(help_text="all, first, chosen or matching.")
    target = serializers.SerializerMethodField(help_text="In words; empty for a deletion.")

    class Meta:
        model = MessageJob
        ref_name = "MessageJob"
        fields = (
            "id", "broker", "vhost", "queue", "mode", "purpose", "selection", "target", "rate", "state",
            "note", "author", "reason", "created_at", "started_at", "ended_at", "frozen", "selected",
            "confirmed", "returned", "refused", "twice", "unknown", "skipped", "deleted", "interruptions",
            "stop_requested", "pause_requested",
        )  # fmt: skip

    def get_selection(self, job: MessageJob) -> str:
        return str(job.selection.get("kind", "all"))

    def get_target(self, job: MessageJob) -> str:
        parts = target_words(job, self.context["request"].user)
        return ", ".join(f"{label.lower()} {text}" for label, text in parts)
