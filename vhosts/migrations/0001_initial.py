import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

# The history is partitioned by time, which Django cannot say: the tables are made here, the models
# only stated. Partitions are made by vhosts.history.partitions, first after this migration.
_ROLLUP = """
CREATE TABLE {table} (
    bucket_at timestamptz NOT NULL,
    ready_min bigint, ready_max bigint, ready_avg double precision,
    unacked_min bigint, unacked_max bigint, unacked_avg double precision,
    ready_last bigint, unacked_last bigint,
    queue_id integer NOT NULL REFERENCES vhosts_queue ON DELETE CASCADE,
    known_s smallint NOT NULL,
    PRIMARY KEY (queue_id, bucket_at)
) PARTITION BY RANGE (bucket_at);
"""
PARTITIONED = [
    # Widest columns first: no padding between them.
    """
    CREATE TABLE vhosts_queue_snapshot (
        at timestamptz NOT NULL,
        ready bigint, unacked bigint,
        queue_id integer NOT NULL,
        PRIMARY KEY (queue_id, at)
    ) PARTITION BY RANGE (at);
    -- For rollups, which take all queues of an hour: rows come in runs of half an hour.
    CREATE INDEX vhosts_queue_snapshot_at ON vhosts_queue_snapshot
        USING brin (at) WITH (pages_per_range = 16, autosummarize = on);
    """,
    """
    CREATE TABLE vhosts_broker_sample (
        broker_id bigint NOT NULL,
        at timestamptz NOT NULL,
        queues bigint, connections bigint, ready bigint, unacked bigint,
        publish_rate double precision, deliver_rate double precision,
        PRIMARY KEY (broker_id, at)
    ) PARTITION BY RANGE (at);
    """,
    """
    CREATE SEQUENCE vhosts_poll_id_seq;
    CREATE TABLE vhosts_poll (
        id bigint NOT NULL DEFAULT nextval('vhosts_poll_id_seq'),
        broker_id bigint NOT NULL,
        slot_at timestamptz NOT NULL,
        started_at timestamptz NOT NULL,
        took_ms integer NOT NULL,
        source varchar(16) NOT NULL,
        complete boolean NOT NULL,
        queues integer, changed integer,
        rejected integer NOT NULL,
        rejected_samples jsonb NOT NULL,
        error_code varchar(32) NOT NULL,
        error_detail text NOT NULL,
        PRIMARY KEY (id, slot_at),
        CONSTRAINT one_poll_per_slot UNIQUE (broker_id, slot_at)
    ) PARTITION BY RANGE (slot_at);
    ALTER SEQUENCE vhosts_poll_id_seq OWNED BY vhosts_poll.id;
    """,
    _ROLLUP.format(table="vhosts_queue_rollup_5m"),
    _ROLLUP.format(table="vhosts_queue_rollup_1h"),
]
DROPPED = """
DROP TABLE vhosts_queue_snapshot, vhosts_broker_sample, vhosts_poll,
           vhosts_queue_rollup_5m, vhosts_queue_rollup_1h;
"""
# Depths change at every poll: room on each page lets those updates stay there (HOT) and be
# cleaned up without a vacuum.
ROOM_TO_UPDATE = """
ALTER TABLE vhosts_queue SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
"""


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('console', '0003_poll_schedule'),
    ]

    operations = [
        migrations.CreateModel(
            name='RollupMark',
            fields=[
                ('name', models.CharField(max_length=8, primary_key=True, serialize=False)),
                ('done_until', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='KnownSpan',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('from_at', models.DateTimeField()),
                ('last_at', models.DateTimeField()),
                ('until_at', models.DateTimeField()),
                ('broker', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='console.broker')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('broker', 'from_at'), name='one_span_from_a_time')],
            },
        ),
        migrations.CreateModel(
            name='Queue',
            fields=[
                ('id', models.AutoField(primary_key=True, serialize=False)),
                ('vhost', models.TextField()),
                ('name', models.TextField()),
                ('type', models.TextField(blank=True)),
                ('state', models.TextField(blank=True)),
                ('node', models.TextField(blank=True)),
                ('durable', models.BooleanField(null=True)),
                ('auto_delete', models.BooleanField(null=True)),
                ('exclusive', models.BooleanField(null=True)),
                ('arguments', models.JSONField(default=dict)),
                ('policy', models.TextField(blank=True)),
                ('operator_policy', models.TextField(blank=True)),
                ('inventoried_at', models.DateTimeField(null=True)),
                ('first_seen_at', models.DateTimeField()),
                ('gone_at', models.DateTimeField(null=True)),
                ('ready', models.BigIntegerField(null=True)),
                ('unacked', models.BigIntegerField(null=True)),
                ('total', models.BigIntegerField(null=True)),
                ('consumers', models.IntegerField(null=True)),
                ('depth_changed_at', models.DateTimeField(null=True)),
                ('broker', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='console.broker')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('broker', 'vhost', 'name'), name='one_queue_of_a_name')],
            },
        ),
        migrations.CreateModel(
            name='VirtualHost',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('first_seen_at', models.DateTimeField()),
                ('changed_at', models.DateTimeField()),
                ('name', models.TextField()),
                ('description', models.TextField(blank=True)),
                ('tags', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list, size=None)),
                ('default_queue_type', models.TextField(blank=True)),
                ('tracing', models.BooleanField(null=True)),
                ('protected_from_deletion', models.BooleanField(null=True)),
                ('cluster_state', models.JSONField(default=dict)),
                ('limits', models.JSONField(default=dict)),
                ('broker', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='console.broker')),
            ],
            options={
                'ordering': ['broker', 'name'],
                'constraints': [models.UniqueConstraint(fields=('broker', 'name'), name='one_vhost_of_a_name')],
            },
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(PARTITIONED, DROPPED)],
            state_operations=[
                migrations.CreateModel(
                    name='BrokerSample',
                    fields=[
                        ('pk', models.CompositePrimaryKey('broker_id', 'at', blank=True, editable=False, primary_key=True, serialize=False)),
                        ('broker_id', models.BigIntegerField()),
                        ('at', models.DateTimeField()),
                        ('queues', models.BigIntegerField(null=True)),
                        ('connections', models.BigIntegerField(null=True)),
                        ('ready', models.BigIntegerField(null=True)),
                        ('unacked', models.BigIntegerField(null=True)),
                        ('publish_rate', models.FloatField(null=True)),
                        ('deliver_rate', models.FloatField(null=True)),
                    ],
                    options={
                        'db_table': 'vhosts_broker_sample',
                    },
                ),
                migrations.CreateModel(
                    name='QueueRollup1h',
                    fields=[
                        ('pk', models.CompositePrimaryKey('queue_id', 'bucket_at', blank=True, editable=False, primary_key=True, serialize=False)),
                        ('queue_id', models.IntegerField()),
                        ('bucket_at', models.DateTimeField()),
                        ('ready_min', models.BigIntegerField(null=True)),
                        ('ready_max', models.BigIntegerField(null=True)),
                        ('ready_avg', models.FloatField(null=True)),
                        ('unacked_min', models.BigIntegerField(null=True)),
                        ('unacked_max', models.BigIntegerField(null=True)),
                        ('unacked_avg', models.FloatField(null=True)),
                        ('ready_last', models.BigIntegerField(null=True)),
                        ('unacked_last', models.BigIntegerField(null=True)),
                        ('known_s', models.SmallIntegerField()),
                    ],
                    options={
                        'db_table': 'vhosts_queue_rollup_1h',
                    },
                ),
                migrations.CreateModel(
                    name='QueueRollup5m',
                    fields=[
                        ('pk', models.CompositePrimaryKey('queue_id', 'bucket_at', blank=True, editable=False, primary_key=True, serialize=False)),
                        ('queue_id', models.IntegerField()),
                        ('bucket_at', models.DateTimeField()),
                        ('ready_min', models.BigIntegerField(null=True)),
                        ('ready_max', models.BigIntegerField(null=True)),
                        ('ready_avg', models.FloatField(null=True)),
                        ('unacked_min', models.BigIntegerField(null=True)),
                        ('unacked_max', models.BigIntegerField(null=True)),
                        ('unacked_avg', models.FloatField(null=True)),
                        ('ready_last', models.BigIntegerField(null=True)),
                        ('unacked_last', models.BigIntegerField(null=True)),
                        ('known_s', models.SmallIntegerField()),
                    ],
                    options={
                        'db_table': 'vhosts_queue_rollup_5m',
                    },
                ),
                migrations.CreateModel(
                    name='QueueSnapshot',
                    fields=[
                        ('pk', models.CompositePrimaryKey('queue_id', 'at', blank=True, editable=False, primary_key=True, serialize=False)),
                        ('queue_id', models.IntegerField()),
                        ('at', models.DateTimeField()),
                        ('ready', models.BigIntegerField(null=True)),
                        ('unacked', models.BigIntegerField(null=True)),
                    ],
                    options={
                        'db_table': 'vhosts_queue_snapshot',
                    },
                ),
                migrations.CreateModel(
                    name='Poll',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('slot_at', models.DateTimeField()),
                        ('started_at', models.DateTimeField()),
                        ('took_ms', models.IntegerField()),
                        ('source', models.CharField(blank=True, max_length=16)),
                        ('complete', models.BooleanField()),
                        ('queues', models.IntegerField(null=True)),
                        ('changed', models.IntegerField(null=True)),
                        ('rejected', models.IntegerField(default=0)),
                        ('rejected_samples', models.JSONField(default=list)),
                        ('error_code', models.CharField(blank=True, max_length=32)),
                        ('error_detail', models.TextField(blank=True)),
                        ('broker', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='console.broker')),
                    ],
                    options={
                        'ordering': ['-slot_at'],
                        'constraints': [models.UniqueConstraint(fields=('broker', 'slot_at'), name='one_poll_per_slot')],
                    },
                ),
            ],
        ),
        migrations.RunSQL(ROOM_TO_UPDATE, migrations.RunSQL.noop),
    ]
