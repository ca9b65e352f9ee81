from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("console", "0005_inventory_took")]

    operations = [
        migrations.AddField(
            model_name="change",
            name="token_id_then",
            field=models.BigIntegerField(null=True),
        ),
    ]
