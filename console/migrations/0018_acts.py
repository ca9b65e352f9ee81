from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("console", "0017_exchange_types_and_plugins"),
    ]

    operations = [
        migrations.AddField(
            model_name="step",
            name="parameters",
            field=models.JSONField(db_default={}, default=dict),
        ),
        migrations.AddField(
            model_name="step",
            name="result",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
        migrations.AlterField(
            model_name="step",
            name="state",
            field=models.CharField(
                choices=[
                    ("pending", "Pending"),
                    ("verifying", "Verifying"),
                    ("applied", "Applied"),
                    ("rejected", "Rejected"),
                    ("superseded", "Superseded"),
                    ("stopped", "Stopped"),
                    ("needs_confirmation", "Needs confirmation"),
                    ("unknown", "Outcome unknown"),
                ],
                default="pending",
                max_length=24,
            ),
        ),
        migrations.AlterField(
            model_name="change",
            name="state",
            field=models.CharField(
                choices=[
                    ("accepted", "Accepted"),
                    ("applying", "Applying"),
                    ("waiting", "Waiting for broker"),
                    ("done", "Applied"),
                    ("partly", "Partly applied"),
                    ("rejected", "Rejected"),
                    ("stopped", "Stopped"),
                    ("unknown", "Outcome unknown"),
                    ("superseded", "Superseded"),
                ],
                db_index=True,
                default="accepted",
                max_length=16,
            ),
        ),
    ]
