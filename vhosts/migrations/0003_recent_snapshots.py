from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('vhosts', '0002_exchange'),
    ]

    operations = [
        migrations.CreateModel(
            name='RecentSnapshot',
            fields=[
                ('pk', models.CompositePrimaryKey('queue_id', 'at', blank=True, editable=False, primary_key=True, serialize=False)),
                ('at', models.DateTimeField()),
                ('ready', models.BigIntegerField(null=True)),
                ('unacked', models.BigIntegerField(null=True)),
                ('queue_id', models.IntegerField()),
            ],
            options={
                'db_table': 'vhosts_queue_recent',
            },
        ),
        # Everything in it is deleted within the hour.
        migrations.RunSQL(
            "ALTER TABLE vhosts_queue_recent SET (autovacuum_vacuum_scale_factor = 0.1)",
            migrations.RunSQL.noop,
        ),
    ]
