from __future__ import annotations

from django.db import models

from console.models import Broker


class NoisePattern(models.Model):
    """Queues whose names match `pattern` are noise. `*` matches any characters. `broker` None: on
    every broker."""

    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, null=True, related_name="+")
    pattern = models.TextField()
    reason = models.TextField(blank=True)
    created_at = models.DateTimeField()
    author_name = models.TextField(blank=True)

    class Meta:
        ordering = ["pattern", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["broker", "pattern"],
                name="one_noise_pattern_of_a_broker",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return self.pattern
