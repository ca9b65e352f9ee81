from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("console", "0021_managed_by_files"),
    ]

    operations = [
        migrations.AddField(
            model_name="brokerstatus",
            name="rates_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="brokerstatus",
            name="rates_unknown",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
        migrations.AddField(
            model_name="brokerstatus",
            name="scrape_bytes",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="brokerstatus",
            name="scrape_ms",
            field=models.IntegerField(null=True),
        ),
        migrations.AddField(
            model_name="brokerstatus",
            name="scrape_rates_bytes",
            field=models.BigIntegerField(null=True),
        ),
    ]
