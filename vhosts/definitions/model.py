"""Backups of definitions, and imports that are being looked at. Both hold password hashes, so both
are encrypted at rest; neither ever leaves Postgres but through vhosts.services."""

from __future__ import annotations

import base64
import uuid
import zlib

from django.conf import settings
from django.db import models

from accessctl.reach import AnyUser, reach_of
from accessctl.rights import Permission
from console.models import Broker, Change
from console.rabbitmq.endpoint import Secret
from console.secrets import EncryptedField, decrypt, encrypt


def sealed(content: bytes) -> str:
    """Compressed and encrypted."""
    return encrypt(Secret(base64.b85encode(zlib.compress(content, 6)).decode()))


def unsealed(ciphertext: str) -> bytes:
    """Raises WrongEncryptionKey."""
    return zlib.decompress(base64.b85decode(decrypt(ciphertext).reveal()))


class BackupQuerySet(models.QuerySet["Backup"]):
    def visible_to(self, user: AnyUser) -> BackupQuerySet:
        """A backup is of a whole broker: of those that the person may export as a whole."""
        return self.filter(reach_of(user).objects(Permission.DEFINITIONS_EXPORT, vhost=""))


class Backup(models.Model):
    """What was on a broker from `taken_at` until `checked_at`: one row for each state of it, however
    often it was looked at."""

    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, related_name="+")
    taken_at = models.DateTimeField()
    #: When a later backup found it unchanged.
    checked_at = models.DateTimeField()
    #: SHA-256 of the objects, secrets included.
    digest = models.CharField(max_length=64)
    objects_count = models.PositiveIntegerField()
    #: What was there and could not be read, one sentence each; as of `checked_at`.
    left_out = models.JSONField(default=list, db_default=[])
    #: Bytes of the definitions before compression.
    size = models.PositiveIntegerField()
    rabbitmq_version = models.CharField(max_length=64, blank=True)
    content_encrypted = EncryptedField()
    #: schedule | page | api
    origin = models.CharField(max_length=16)

    objects = BackupQuerySet.as_manager()

    class Meta:
        ordering = ["-taken_at", "-pk"]
        indexes = [models.Index(fields=["broker", "-taken_at"], name="backups_of_broker")]

    def __str__(self) -> str:
        return f"backup of broker {self.broker_id} at {self.taken_at:%Y-%m-%d %H:%M}"


class BackupSchedule(models.Model):
    """When a broker is next backed up. One row for each broker, made by the first look."""

    broker = models.OneToOneField(
        Broker, on_delete=models.CASCADE, primary_key=True, related_name="backup_schedule"
    )
    #: 0: never by itself. None: as the setting says.
    every_hours = models.PositiveIntegerField(null=True)
    next_at = models.DateTimeField(db_index=True)
    tried_at = models.DateTimeField(null=True)
    #: Why the last try failed; empty: it did not.
    error = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"backups of broker {self.broker_id}"


class ImportDraft(models.Model):
    """A file that somebody sent, with the plan that was made of it: looked at, then applied or not.
    Seen by its author alone; gone after a day."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, related_name="+")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(db_index=True)
    #: What it is called on the page: a file's name, or what it was copied from.
    title = models.CharField(max_length=255)
    content_encrypted = EncryptedField()
    #: The fields of ImportOptions.
    options = models.JSONField()
    #: As shown: without secrets.
    plan = models.JSONField()
    planned_at = models.DateTimeField()
    change = models.ForeignKey(Change, null=True, on_delete=models.SET_NULL, related_name="+")

    def __str__(self) -> str:
        return self.title
