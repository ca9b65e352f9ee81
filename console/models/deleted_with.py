"""What RabbitMQ deleted together with an object, so that it can be created again."""

from __future__ import annotations

from django.db import models

from console.models.changes import Step


class DeletedWith(models.Model):
    """What was deleted along with the object of a step, as read from the broker right before the
    call: the permissions of a user, everything in a virtual host, the bindings of a queue.

    Without a row, that is unknown. Nothing in it is secret.
    """

    step = models.OneToOneField(
        Step, on_delete=models.CASCADE, primary_key=True, related_name="deleted_with"
    )
    #: [[kind, key, spec], …], at most MOST_KEPT.
    objects_then = models.JSONField(default=list)
    #: Sentences about what can't be created again.
    lost = models.JSONField(default=list)
    #: How many more objects there were.
    left_out = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"deleted with step {self.step_id}"
