from django.db import migrations, models
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now


def end_those_without_steps(apps, schema_editor):
    """Changes of brokers that were removed before changes ended with them."""
    change, step = apps.get_model("console", "Change"), apps.get_model("console", "Step")
    left = change.objects.filter(state__in=["accepted", "applying", "waiting"])
    left.filter(~Exists(step.objects.filter(change=OuterRef("pk")))).update(
        state="stopped", finished_at=Now(), note="Its broker was removed from the console."
    )


class Migration(migrations.Migration):

    dependencies = [
        ("console", "0014_client_certificate"),
    ]

    operations = [
        migrations.AddField(
            model_name="change",
            name="abandoned_steps",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="change",
            name="note",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
        migrations.RunPython(end_those_without_steps, migrations.RunPython.noop),
    ]
