import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import console.secrets


class Migration(migrations.Migration):

    dependencies = [
        ('console', '0021_managed_by_files'),
        ('vhosts', '0022_masking'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='KeptMessages',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('queue_id', models.IntegerField()),
                ('session', models.CharField(max_length=64)),
                ('read_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField(db_index=True)),
                ('outcome', models.JSONField()),
                ('schema', models.JSONField(default=dict)),
                ('content_encrypted', console.secrets.EncryptedField()),
                ('broker', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='console.broker')),
                ('reader', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='QueuePeeks',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('vhost', models.TextField()),
                ('queue', models.TextField()),
                ('held_until', models.DateTimeField(null=True)),
                ('holder', models.UUIDField(null=True)),
                ('peeked_at', models.DateTimeField(null=True)),
                ('highest', models.IntegerField(default=0)),
                ('broker', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='console.broker')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('broker', 'vhost', 'queue'), name='one_row_of_peeks_of_a_queue')],
            },
        ),
        # Messages that expire in minutes belong into no write-ahead log, replica or base backup.
        migrations.RunSQL(
            'ALTER TABLE vhosts_keptmessages SET UNLOGGED',
            'ALTER TABLE vhosts_keptmessages SET LOGGED',
        ),
    ]
