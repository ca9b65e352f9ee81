"""A saved message."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from console.models import Broker
from console.secrets import EncryptedField

MAX_NAME = 100


class MessageTemplate(models.Model):
    """A message that fills the form. `broker` None: for all brokers and virtual hosts."""

    name = models.CharField(max_length=MAX_NAME)
    broker = models.ForeignKey(Broker, null=True, on_delete=models.CASCADE, related_name="+")
    vhost = models.TextField(blank=True)
    #: None if the account was deleted.
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    owner_name = models.TextField(blank=True)
    #: Whether only its owner, and those who may read messages there, get the payload and headers.
    secret = models.BooleanField(default=False)
    #: text | json | base64 | hex: how the body is shown.
    body_format = models.CharField(max_length=8, default="text")
    #: Exchange, routing key, properties; headers are with the body.
    message = models.JSONField(default=dict)
    #: Headers and body as JSON, compressed and encrypted.
    content_encrypted = EncryptedField()
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["broker", "vhost", "name"],
                nulls_distinct=False,
                name="one_message_template_of_a_name",
            ),
        ]

    def __str__(self) -> str:
        return self.name
