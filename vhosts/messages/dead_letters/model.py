"""What is stored of dead letters: decisions of people, samples, and groups. Never a payload."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models

from accessctl.reach import reach_of
from accessctl.rights import Permission
from console.models import Broker

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser


class DeadLetterSetting(models.Model):
    """What people decided about one queue: whether it is a dead letter queue (None: by topology), and how
    often it is sampled by itself (None: never). The person who set the schedule must still have the right
    when it runs."""

    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, related_name="+")
    vhost = models.TextField()
    queue = models.TextField()
    is_dead_letters = models.BooleanField(null=True)
    sample_every_s = models.IntegerField(null=True)
    next_sample_at = models.DateTimeField(null=True, db_index=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    author_name = models.TextField(blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["broker", "vhost", "queue"], name="one_dead_letter_setting_of_a_queue"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.queue} on broker {self.broker_id}"


class DeadLetterSample(models.Model):
    """The last sample of one queue. `read_at` None: never read. `trouble` "" if the last try succeeded."""

    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, related_name="+")
    vhost = models.TextField()
    queue = models.TextField()
    tried_at = models.DateTimeField(null=True)
    trouble = models.TextField(blank=True)
    read_at = models.DateTimeField(null=True)
    #: Messages read, and ready in the queue at that moment (None: unknown).
    read = models.IntegerField(default=0)
    ready = models.BigIntegerField(null=True)
    #: Messages without any death in their headers, and those in no group because there were too many.
    without_deaths = models.IntegerField(default=0)
    left_out = models.IntegerField(default=0)
    #: Whether the shape of bodies was looked at.
    with_shapes = models.BooleanField(default=False)
    author_name = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["broker", "vhost", "queue"], name="one_dead_letter_sample_of_a_queue"
            ),
        ]

    def __str__(self) -> str:
        return f"sample of {self.queue} on broker {self.broker_id}"


class DeadLetterGroupQuerySet(models.QuerySet["DeadLetterGroup"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> DeadLetterGroupQuerySet:
        """Return the groups in virtual hosts where the user may see messages' metadata."""
        reach = reach_of(user)
        return self.filter(
            reach.objects(Permission.MESSAGES_VIEW) & reach.objects(Permission.QUEUES_VIEW)
        )


class DeadLetterGroup(models.Model):
    """Dead letters of one queue that are alike. It stays when a later sample doesn't find it any more
    (`count` 0), so that its trend goes on."""

    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, related_name="+")
    vhost = models.TextField()
    queue = models.TextField()
    #: Digest of origin, reason and exception; `shape` is that of the body, "" if unknown.
    base = models.TextField()
    shape = models.TextField(blank=True)
    #: First queue and reason; "" for messages without a readable death.
    origin = models.TextField(blank=True)
    reason = models.TextField(blank=True)
    #: The header with the exception, and the text of one message. Message content: shown only through
    #: vhosts.messages.showing, with the masks of who looks.
    exception_header = models.TextField(blank=True)
    exception = models.TextField(blank=True)
    #: First exchange and key, if all messages have the same; None: unknown or several.
    exchange = models.TextField(null=True)
    routing_key = models.TextField(null=True)
    one_origin = models.BooleanField(default=True)
    #: In the last sample, and the positions of those messages then.
    count = models.IntegerField(default=0)
    positions = models.JSONField(default=list)
    most_times = models.IntegerField(default=0)
    first_death_at = models.DateTimeField(null=True)
    last_death_at = models.DateTimeField(null=True)
    first_seen_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    objects = DeadLetterGroupQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["broker", "vhost", "queue", "base", "shape"],
                name="one_dead_letter_group_of_a_digest",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.origin} {self.reason} in {self.queue}"


class DeadLetterCount(models.Model):
    """How many messages of a group a sample found."""

    group = models.ForeignKey(DeadLetterGroup, on_delete=models.CASCADE, related_name="counts")
    at = models.DateTimeField()
    count = models.IntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["group", "at"], name="one_dead_letter_count_of_a_time"),
        ]

    def __str__(self) -> str:
        return f"{self.count} at {self.at}"


class DeadLetterReplay(models.Model):
    """What is watched about a job that replays dead letters. `again`: at least so many came back, by the
    depth of the queue; None: unknown."""

    job = models.OneToOneField(
        "vhosts.MessageJob", on_delete=models.CASCADE, related_name="replay", primary_key=True
    )
    #: Stop when more than so many of 100 come back. None: never.
    stop_percent = models.SmallIntegerField(null=True)
    again = models.BigIntegerField(null=True)
    checked_at = models.DateTimeField(null=True)
    #: Until when it is watched after the job's end. None: the job runs.
    watch_until = models.DateTimeField(null=True)
    stopped = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"replay {self.job_id}"


class EditedLetter(models.Model):
    """A copy of a dead letter that somebody edited and published. The original stays in its queue. Digests
    identify both; no content is kept."""

    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, related_name="+")
    vhost = models.TextField()
    queue = models.TextField()
    #: vhosts.messages.moving's fingerprint of the original, and its message ID.
    original = models.TextField()
    original_id = models.TextField(blank=True)
    #: The request to publish it (vhosts.messages.publishing), which says what became of it.
    request_id = models.UUIDField(unique=True)
    exchange = models.TextField(blank=True)
    routing_key = models.TextField(blank=True)
    author_name = models.TextField(blank=True)
    at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["broker", "vhost", "original"], name="edited_letters_of_original"),
        ]

    def __str__(self) -> str:
        return f"copy of {self.original}"
