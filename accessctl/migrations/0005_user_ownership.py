import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accessctl', '0004_default_password'),
    ]

    operations = [
        migrations.AddField(
            model_name='brokeruser',
            name='owner_scope',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), null=True, size=None),
        ),
        migrations.AddField(
            model_name='brokeruser',
            name='owner_proof',
            field=models.CharField(blank=True, db_default='', default='', max_length=64),
        ),
    ]
