

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('console', '0015_changes_of_removed_brokers'),
    ]

    operations = [
        migrations.AddField(
            model_name='brokerstatus',
            name='consumers_at',
            field=models.DateTimeField(null=True),
        ),
    ]
