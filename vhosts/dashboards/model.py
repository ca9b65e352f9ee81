from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

MAX_NAME = 100


class Dashboard(models.Model):
    """Charts in an order, under a name. Its address is all that is needed to open it; what each
    chart shows is limited to what the viewer may see."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=MAX_NAME)
    #: None if the account was deleted.
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    owner_name = models.TextField()
    #: Whether everybody finds it in the list. Else only its owner does, and others need its address.
    listed = models.BooleanField(default=False)
    #: In the order of the page; see vhosts.dashboards.charts.
    charts = models.JSONField(default=list)
    #: Rises with each edit; the ETag of the API.
    generation = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class FleetDensity(models.Model):
    """How dense a person wants Fleet."""

    class Density(models.TextChoices):
        TILES = "tiles", "Tiles"
        COMPACT = "compact", "Compact"
        TABLE = "table", "Table"

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="+"
    )
    density = models.CharField(max_length=8, choices=Density.choices)

    def __str__(self) -> str:
        return f"{self.density} of account {self.pk}"
