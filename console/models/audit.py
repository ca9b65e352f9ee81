from __future__ import annotations

from django.db import models


class AuditEntry(models.Model):
    """Who did what, when, to what. Append-only. Names are copied, so that a row stays the same
    after what it names is deleted."""

    at = models.DateTimeField(auto_now_add=True, db_index=True)
    action = models.CharField(max_length=64, db_index=True)
    target_kind = models.CharField(max_length=32)
    target = models.TextField()
    broker_name = models.TextField(blank=True)
    broker_id_then = models.BigIntegerField(null=True)
    user_id_then = models.BigIntegerField(null=True)
    username = models.TextField()
    address = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=64, blank=True)
    change_id_then = models.UUIDField(null=True, db_index=True)
    user_agent = models.TextField(blank=True)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    reason = models.TextField(blank=True)

    class Meta:
        verbose_name_plural = "audit entries"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.username} {self.action} {self.target}"
