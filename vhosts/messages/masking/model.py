from __future__ import annotations

from django.db import models

from accessctl.globs import EVERYTHING
from console.models import Broker


class MaskingRule(models.Model):
    """Hides a header or a part of bodies from readers. Only vhosts.messages.masking.service creates,
    changes and deletes them.

    `broker` None: on all brokers. `roles` empty: for everybody, superusers too; otherwise for
    readers whose grants there include one of the roles.
    """

    class Subject(models.TextChoices):
        HEADER = "header", "Header or property"
        BODY = "body", "Part of the body"

    class Action(models.TextChoices):
        REMOVE = "remove", "Remove"
        MASK = "mask", "Mask"
        REPLACE = "replace", "Replace"

    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, null=True, related_name="+")
    #: See accessctl.globs.
    vhost_pattern = models.TextField(default=EVERYTHING)
    roles = models.JSONField(default=list)
    subject = models.CharField(max_length=16, choices=Subject.choices)
    #: A pattern of header names, or a JSON path.
    target = models.TextField()
    action = models.CharField(max_length=16, choices=Action.choices)
    replacement = models.TextField(blank=True)
    reason = models.TextField(blank=True)
    created_at = models.DateTimeField()
    author_name = models.TextField(blank=True)

    class Meta:
        ordering = ["target", "id"]

    def __str__(self) -> str:
        return f"{self.get_action_display()} {self.target}"
