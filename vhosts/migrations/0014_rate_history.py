import django.db.models.deletion
from django.db import migrations, models

# Partitioned by time, which Django cannot say: the tables are made here, the models only stated.
# Partitions are made by vhosts.history.partitions.
_KINDS = ("publish", "deliver", "ack", "redeliver", "get")
_ROLLUP = """
CREATE TABLE {table} (
    bucket_at timestamptz NOT NULL,
    queue_id integer NOT NULL REFERENCES vhosts_queue ON DELETE CASCADE,
    {columns},
    known_s smallint NOT NULL,
    PRIMARY KEY (queue_id, bucket_at)
) PARTITION BY RANGE (bucket_at);
"""
_SUMS = ", ".join(f"{kind}_{what} real" for kind in _KINDS for what in ("avg", "max", "last"))
PARTITIONED = [
    """
    CREATE TABLE vhosts_queue_rate (
        at timestamptz NOT NULL,
        queue_id integer NOT NULL,
        publish real, deliver real, ack real, redeliver real, get real,
        PRIMARY KEY (queue_id, at)
    ) PARTITION BY RANGE (at);
    -- For rollups, which take all queues of a bucket: rows come in the order of time.
    CREATE INDEX vhosts_queue_rate_at ON vhosts_queue_rate
        USING brin (at) WITH (pages_per_range = 16, autosummarize = on);
    """,
    _ROLLUP.format(table="vhosts_queue_rate_5m", columns=_SUMS),
    _ROLLUP.format(table="vhosts_queue_rate_1h", columns=_SUMS),
]
DROPPED = "DROP TABLE vhosts_queue_rate, vhosts_queue_rate_5m, vhosts_queue_rate_1h;"


class Migration(migrations.Migration):
    dependencies = [
        ("console", "0022_rates"),
        ("vhosts", "0013_rates"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(PARTITIONED, DROPPED)],
            state_operations=[
                migrations.CreateModel(
                    name="QueueRate",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "queue_id",
                                "at",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("at", models.DateTimeField()),
                        ("queue_id", models.IntegerField()),
                        ("publish", models.FloatField(null=True)),
                        ("deliver", models.FloatField(null=True)),
                        ("ack", models.FloatField(null=True)),
                        ("redeliver", models.FloatField(null=True)),
                        ("get", models.FloatField(null=True)),
                    ],
                    options={"db_table": "vhosts_queue_rate"},
                ),
                migrations.CreateModel(
                    name="RateRollup5m",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "queue_id",
                                "bucket_at",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("bucket_at", models.DateTimeField()),
                        ("queue_id", models.IntegerField()),
                        ("publish_avg", models.FloatField(null=True)),
                        ("publish_max", models.FloatField(null=True)),
                        ("publish_last", models.FloatField(null=True)),
                        ("deliver_avg", models.FloatField(null=True)),
                        ("deliver_max", models.FloatField(null=True)),
                        ("deliver_last", models.FloatField(null=True)),
                        ("ack_avg", models.FloatField(null=True)),
                        ("ack_max", models.FloatField(null=True)),
                        ("ack_last", models.FloatField(null=True)),
                        ("redeliver_avg", models.FloatField(null=True)),
                        ("redeliver_max", models.FloatField(null=True)),
                        ("redeliver_last", models.FloatField(null=True)),
                        ("get_avg", models.FloatField(null=True)),
                        ("get_max", models.FloatField(null=True)),
                        ("get_last", models.FloatField(null=True)),
                        ("known_s", models.SmallIntegerField()),
                    ],
                    options={"db_table": "vhosts_queue_rate_5m"},
                ),
                migrations.CreateModel(
                    name="RateRollup1h",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "queue_id",
                                "bucket_at",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("bucket_at", models.DateTimeField()),
                        ("queue_id", models.IntegerField()),
                        ("publish_avg", models.FloatField(null=True)),
                        ("publish_max", models.FloatField(null=True)),
                        ("publish_last", models.FloatField(null=True)),
                        ("deliver_avg", models.FloatField(null=True)),
                        ("deliver_max", models.FloatField(null=True)),
                        ("deliver_last", models.FloatField(null=True)),
                        ("ack_avg", models.FloatField(null=True)),
                        ("ack_max", models.FloatField(null=True)),
                        ("ack_last", models.FloatField(null=True)),
                        ("redeliver_avg", models.FloatField(null=True)),
                        ("redeliver_max", models.FloatField(null=True)),
                        ("redeliver_last", models.FloatField(null=True)),
                        ("get_avg", models.FloatField(null=True)),
                        ("get_max", models.FloatField(null=True)),
                        ("get_last", models.FloatField(null=True)),
                        ("known_s", models.SmallIntegerField()),
                    ],
                    options={"db_table": "vhosts_queue_rate_1h"},
                ),
            ],
        ),
        migrations.CreateModel(
            name="RateSpan",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("from_at", models.DateTimeField()),
                ("until_at", models.DateTimeField()),
                (
                    "broker",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="console.broker",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("broker", "from_at"), name="one_rate_span_from_a_time"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RateCounters",
            fields=[
                (
                    "broker",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="console.broker",
                    ),
                ),
                ("slot_at", models.DateTimeField()),
                ("packed", models.BinaryField()),
            ],
        ),
    ]
