from __future__ import annotations

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("vhosts", "0028_unread_alert_types")]

    operations = [
        migrations.AddIndex(
            model_name="queue",
            index=models.Index(
                fields=["broker"], condition=Q(noise=True), name="queues_that_are_noise"
            ),
        ),
    ]
