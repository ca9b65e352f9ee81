
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('vhosts', '0012_parameters'),
    ]

    operations = [
        migrations.AddField(
            model_name='exchange',
            name='dropped_rate',
            field=models.FloatField(null=True),
        ),
        migrations.AddField(
            model_name='exchange',
            name='in_rate',
            field=models.FloatField(null=True),
        ),
        migrations.AddField(
            model_name='exchange',
            name='out_rate',
            field=models.FloatField(null=True),
        ),
        migrations.AddField(
            model_name='exchange',
            name='rates_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='exchange',
            name='returned_rate',
            field=models.FloatField(null=True),
        ),
        migrations.AddField(
            model_name='queue',
            name='ack_rate',
            field=models.FloatField(null=True),
        ),
        migrations.AddField(
            model_name='queue',
            name='deliver_rate',
            field=models.FloatField(null=True),
        ),
        migrations.AddField(
            model_name='queue',
            name='get_rate',
            field=models.FloatField(null=True),
        ),
        migrations.AddField(
            model_name='queue',
            name='growth_5m',
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='queue',
            name='publish_rate',
            field=models.FloatField(null=True),
        ),
        migrations.AddField(
            model_name='queue',
            name='rates_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='queue',
            name='redeliver_rate',
            field=models.FloatField(null=True),
        ),
    ]
