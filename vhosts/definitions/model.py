"""Backups of definitions, and pending imports. Both contain password hashes, so both are encrypted
at rest. They leave Postgres only through vhosts.definitions."""

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
    """Compress and encrypt."""
    return encrypt(Secret(base64.b85encode(zlib.compress(content, 6)).decode()))


def unsealed(ciphertext: str) -> bytes:
    """Decrypt and decompress. Raises WrongEncryptionKey."""
    return zlib.decompress(base64.b85decode(decrypt(ciphertext).reveal()))


class BackupQuerySet(models.QuerySet["Backup"]):
    def visible_to(self, user: AnyUser) -> BackupQuerySet:
        """Return the backups of brokers that the person may export as a whole, because a backup
        covers a whole broker."""
        return self.filter(reach_of(user).objects(Permission.DEFINITIONS_EXPORT, vhost=""))


class Backup(models.Model):
    """The definitions of a broker from `taken_at` until `checked_at`: one row per state, however
    often it was checked."""

    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, related_name="+")
    taken_at = models.DateTimeField()
    #: When a backup run last found it unchanged.
    checked_at = models.DateTimeField()
    #: SHA-256 of the objects, including secrets.
    digest = models.CharField(max_length=64)
    objects_count = models.PositiveIntegerField()
    #: Objects that couldn't be read, as of `checked_at`: one sentence each.
    left_out = models.JSONField(default=list, db_default=[])
    #: Size of the definitions before compression, in bytes.
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
    """When a broker is backed up next. One row per broker, created by the first check."""

    broker = models.OneToOneField(
        Broker, on_delete=models.CASCADE, primary_key=True, related_name="backup_schedule"
    )
    #: 0: never automatically. None: the default from the settings.
    every_hours = models.PositiveIntegerField(null=True)
    next_at = models.DateTimeField(db_index=True)
    tried_at = models.DateTimeField(null=True)
    #: Why the last try failed; empty if it succeeded.
    error = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"backups of broker {self.broker_id}"


class ImportDraft(models.Model):
    """An uploaded file with its plan, which its author reviews and then applies or drops. Only the
    author sees it; it is deleted after a day."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, related_name="+")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(db_index=True)
    #: Title on the page: a file name, or the source of a copy.
    title = models.CharField(max_length=255)
    content_encrypted = EncryptedField()
    #: Fields of ImportOptions.
    options = models.JSONField()
    #: As shown: without secrets.
    plan = models.JSONField()
    planned_at = models.DateTimeField()
    change = models.ForeignKey(Change, null=True, on_delete=models.SET_NULL, related_name="+")

    def __str__(self) -> str:
        return self.title
