"""Requested changes of brokers, and their outcomes.

A ManagedObject is the desired state of one object on a broker. A Change is one operation of one
person. Its Steps are the objects it touches, in order. An Attempt is one try at a step, stored
before the broker is called. Only console.engine writes them.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Sequence

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.expressions import RawSQL

from console.kinds.common.kind import Op, Ref
from console.kinds.registry import phrase
from console.models.brokers import Broker
from console.secrets import EncryptedField


class Sync(models.TextChoices):
    PENDING = "pending", "Pending"
    APPLYING = "applying", "Applying"
    IN_SYNC = "in_sync", "In sync"
    VERIFYING = "verifying", "Verifying"
    REJECTED = "rejected", "Rejected"
    DRIFTED = "drifted", "Drifted"
    NEEDS_CONFIRMATION = "needs_confirmation", "Needs confirmation"
    #: Gone with its virtual host or user. The drift is that of the owner, and is resolved with it.
    OWNER_MISSING = "owner_missing", "Owner missing"
    #: Deleted with the object it depended on: it has no desired state any more.
    RETIRED = "retired", "Retired"


class ManagedObjectQuerySet(models.QuerySet["ManagedObject"]):
    def with_keys(self, keys: Iterable[Sequence[str]]) -> ManagedObjectQuerySet:
        """Filter by keys. `key__in` would compare each row with each key: with thousands of both,
        that takes seconds, and this takes milliseconds."""
        asked = json.dumps([{"key": list(key)} for key in keys])
        listed = "SELECT asked.key FROM jsonb_to_recordset(%s::jsonb) AS asked(key text[])"
        return self.filter(key__in=RawSQL(listed, [asked]))  # noqa: S611 – no text of ours in it


class ManagedObject(models.Model):
    """The desired state of one object on a broker, and how far it is verified.

    In sync means `verified_generation == generation` and `sync == in_sync`; `verified_at` is when
    the broker was last seen to match. `spec` None is a tombstone: the object should not exist.
    """

    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=32)
    #: Identity within the broker, in the order of console.kinds.registry.
    key = ArrayField(models.TextField())
    spec = models.JSONField(null=True)
    #: Rises with each new desired state.
    generation = models.PositiveIntegerField(default=1)
    verified_generation = models.PositiveIntegerField(default=0)
    verified_at = models.DateTimeField(null=True)
    sync = models.CharField(max_length=24, choices=Sync.choices, default=Sync.PENDING)
    #: One sentence; may contain the broker's words.
    reason = models.TextField(blank=True)
    #: [{"name", "before", "after"}] since `drifted_since`; secrets without values.
    drift = models.JSONField(default=list)
    drifted_since = models.DateTimeField(null=True)
    #: The folder of definitions that owns the object, such as "fleet/orders"; "" for none. It is
    #: changed there, not by hand.
    source = models.TextField(blank=True, default="", db_default="")
    #: The folder's commit that the object was last changed or claimed by; "" if unknown.
    source_revision = models.TextField(blank=True, default="", db_default="")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ManagedObjectQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["broker", "kind", "key"], name="one_managed_object"),
        ]

    def __str__(self) -> str:
        return phrase(Ref(self.kind, tuple(self.key)))


class ChangeState(models.TextChoices):
    ACCEPTED = "accepted", "Accepted"
    APPLYING = "applying", "Applying"
    WAITING = "waiting", "Waiting for broker"
    DONE = "done", "Applied"
    PARTLY = "partly", "Partly applied"
    REJECTED = "rejected", "Rejected"
    STOPPED = "stopped", "Stopped"
    #: Whether an act was carried out is unknown, and it isn't repeated.
    UNKNOWN = "unknown", "Outcome unknown"
    #: Later changes replaced all of its steps.
    SUPERSEDED = "superseded", "Superseded"


OPEN_CHANGES = (ChangeState.ACCEPTED, ChangeState.APPLYING, ChangeState.WAITING)


class Change(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(db_index=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    #: Copied, so that the row still names the author after the account is deleted.
    author_name = models.TextField()
    #: The API token that the change was requested with; it must still be valid when the change is
    #: applied. None: a signed-in session.
    token_id_then = models.BigIntegerField(null=True)
    #: page | api | admin | command
    origin = models.CharField(max_length=16)
    title = models.TextField()
    reason = models.TextField(blank=True)
    idempotency_key = models.CharField(max_length=100, blank=True)
    #: Digest of the request with the idempotency key. Another request with the same key is refused.
    request_digest = models.CharField(max_length=64, blank=True)
    state = models.CharField(
        max_length=16, choices=ChangeState.choices, default=ChangeState.ACCEPTED, db_index=True
    )
    stop_requested_at = models.DateTimeField(null=True)
    #: Number of unfinished steps that were deleted because their broker was removed from the
    #: console.
    abandoned_steps = models.PositiveIntegerField(default=0, db_default=0)
    #: The outcome of deleted steps: one sentence per removed broker.
    note = models.TextField(blank=True, default="", db_default="")
    #: The changes that this one undoes.
    reverts = models.ManyToManyField("self", symmetrical=False, related_name="reverted_by")
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["author", "idempotency_key"],
                condition=~models.Q(idempotency_key=""),
                name="one_change_per_idempotency_key",
            ),
        ]

    def __str__(self) -> str:
        return self.title


class StepState(models.TextChoices):
    #: Nothing of it was sent.
    PENDING = "pending", "Pending"
    #: It may have been sent: an attempt is running, or its outcome is unknown.
    VERIFYING = "verifying", "Verifying"
    APPLIED = "applied", "Applied"
    REJECTED = "rejected", "Rejected"
    #: A later desired state of the same object replaced it.
    SUPERSEDED = "superseded", "Superseded"
    STOPPED = "stopped", "Stopped"
    NEEDS_CONFIRMATION = "needs_confirmation", "Needs confirmation"
    #: An act was sent, and RabbitMQ's reply was lost. It isn't repeated.
    UNKNOWN = "unknown", "Outcome unknown"


OPEN_STEPS = (StepState.PENDING, StepState.VERIFYING)


#: The operations of steps that write a desired state. Deletions and acts aren't among them.
WRITES = (Op.CREATE, Op.UPDATE, Op.REPLACE, Op.UNCHANGED)


class Step(models.Model):
    change = models.ForeignKey(Change, on_delete=models.CASCADE, related_name="steps")
    ordinal = models.PositiveIntegerField()
    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, related_name="+")
    target = models.ForeignKey(ManagedObject, on_delete=models.CASCADE, related_name="steps")
    #: create | update | replace | delete | unchanged, as planned when accepted; or the name of an
    #: act of the kind, such as "purge".
    op = models.CharField(max_length=16)
    generation = models.PositiveIntegerField()
    #: The permission that the author needed; checked again before the step is applied.
    permission = models.CharField(max_length=64)
    #: Ciphertext of {"password_hash", "hashing_algorithm"}; deleted when the step ends. A step that
    #: the broker rejected keeps it for a day, or until there is a newer change of the object.
    secrets_encrypted = EncryptedField(blank=True, default="")
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    #: [{"name", "before", "after", "secret"}], as planned when accepted.
    fields = models.JSONField(default=list)
    #: Of an act: what tells it from the same act elsewhere, such as {"node": "rabbit@a"}.
    parameters = models.JSONField(default=dict, db_default={})
    #: What an act did, in one or two sentences.
    result = models.TextField(blank=True, default="", db_default="")
    #: For a deletion or act: the contents when it was confirmed, {"queues": 3, "messages": 120}.
    guard = models.JSONField(default=dict)
    #: A destructive step that hasn't been sent by then needs a new confirmation.
    not_after = models.DateTimeField(null=True)
    state = models.CharField(max_length=24, choices=StepState.choices, default=StepState.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField()
    error_code = models.CharField(max_length=32, blank=True)
    #: The broker's words or ours, shown escaped.
    error_detail = models.TextField(blank=True)
    finished_at = models.DateTimeField(null=True)

    #: Not stored; set on the row while a worker handles it. Whether an earlier attempt may have
    #: sent something.
    sent_before = False
    #: Whether what that attempt sent may be on the broker, or still on its way there.
    unsure = False
    #: Why nothing more may be sent for the step, so it is only read; "" if sending is allowed.
    only_look = ""
    #: `only_look` is set because somebody stopped the change.
    stopped = False

    class Meta:
        ordering = ["change", "ordinal"]
        constraints = [
            models.UniqueConstraint(fields=["change", "ordinal"], name="one_step_per_ordinal"),
        ]
        indexes = [
            models.Index(
                fields=["broker", "next_at"],
                name="steps_still_open",
                condition=models.Q(state__in=["pending", "verifying"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.op} {self.target}"

    @property
    def is_act(self) -> bool:
        """Whether this is an act, not a step towards a desired state. Its target then only names
        the object."""
        return self.op not in WRITES and self.op != Op.DELETE


class Attempt(models.Model):
    """One try at a step. `outcome` empty: it is running, or its process died."""

    step = models.ForeignKey(Step, on_delete=models.CASCADE, related_name="tries")
    number = models.PositiveIntegerField()
    fence = models.BigIntegerField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    #: ok | unchanged | rejected | unreachable | unknown. *unreachable*: nothing was sent.
    outcome = models.CharField(max_length=16, blank=True)
    http_status = models.IntegerField(null=True)
    detail = models.TextField(blank=True)

    class Meta:
        ordering = ["step", "number"]

    def __str__(self) -> str:
        return f"attempt {self.number} at {self.step}"


class BrokerLease(models.Model):
    """Who may write to a broker now. A lease, not a session lock: it ends with its time, whatever
    happens to its owner. `fence` rises with each owner; a result with an older fence isn't stored.
    """

    broker = models.OneToOneField(
        Broker, on_delete=models.CASCADE, primary_key=True, related_name="lease"
    )
    owner = models.CharField(max_length=64, blank=True)
    until = models.DateTimeField()
    fence = models.BigIntegerField(default=0)
    #: Failures in a row to reach the broker for writing.
    failures = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"lease of broker {self.broker_id}"
