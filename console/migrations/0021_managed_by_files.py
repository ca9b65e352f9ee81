from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("console", "0020_reverts"),
    ]

    operations = [
        migrations.AddField(
            model_name="managedobject",
            name="source",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
        migrations.AddField(
            model_name="managedobject",
            name="source_revision",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
    ]
