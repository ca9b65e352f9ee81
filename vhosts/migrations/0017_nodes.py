from django.db import migrations, models
import django.db.models.deletion

SAMPLES = """
CREATE TABLE vhosts_node_sample (
    node_id integer NOT NULL,
    at timestamptz NOT NULL,
    mem_used bigint, mem_limit bigint, disk_free bigint, disk_free_limit bigint,
    fd_used bigint, sockets_used bigint, proc_used bigint, run_queue bigint,
    gc_rate double precision, switch_rate double precision,
    read_bytes_rate double precision, write_bytes_rate double precision,
    link_bytes_rate double precision,
    PRIMARY KEY (node_id, at)
) PARTITION BY RANGE (at);
"""


class Migration(migrations.Migration):

    dependencies = [
        ('console', '0023_other_management_urls'),
        ('vhosts', '0016_live_lists'),
    ]

    operations = [
        migrations.CreateModel(
            name='Node',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=255)),
                ('running', models.BooleanField()),
                ('running_since', models.DateTimeField()),
                ('seen_at', models.DateTimeField()),
                ('first_seen_at', models.DateTimeField()),
                ('gone_at', models.DateTimeField(null=True)),
                ('type', models.CharField(blank=True, max_length=40)),
                ('version', models.CharField(blank=True, max_length=64)),
                ('being_drained', models.BooleanField(null=True)),
                ('mem_used', models.BigIntegerField(null=True)),
                ('mem_limit', models.BigIntegerField(null=True)),
                ('mem_alarm', models.BooleanField(null=True)),
                ('disk_free', models.BigIntegerField(null=True)),
                ('disk_free_limit', models.BigIntegerField(null=True)),
                ('disk_free_alarm', models.BooleanField(null=True)),
                ('fd_used', models.BigIntegerField(null=True)),
                ('fd_total', models.BigIntegerField(null=True)),
                ('sockets_used', models.BigIntegerField(null=True)),
                ('sockets_total', models.BigIntegerField(null=True)),
                ('proc_used', models.BigIntegerField(null=True)),
                ('proc_total', models.BigIntegerField(null=True)),
                ('run_queue', models.BigIntegerField(null=True)),
                ('uptime_ms', models.BigIntegerField(null=True)),
                ('partitions', models.JSONField(default=list)),
                ('plugins', models.JSONField(null=True)),
                ('details', models.JSONField(default=dict)),
                ('sampled_at', models.DateTimeField(null=True)),
                ('certificates', models.JSONField(default=list)),
                ('certificates_at', models.DateTimeField(null=True)),
                ('broker', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='console.broker')),
            ],
            options={
                'ordering': ['broker', 'name'],
                'constraints': [models.UniqueConstraint(fields=('broker', 'name'), name='one_node_of_a_name')],
            },
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(SAMPLES, "DROP TABLE vhosts_node_sample")],
            state_operations=[
                migrations.CreateModel(
                    name='NodeSample',
                    fields=[
                        ('pk', models.CompositePrimaryKey('node_id', 'at', blank=True, editable=False, primary_key=True, serialize=False)),
                        ('node_id', models.IntegerField()),
                        ('at', models.DateTimeField()),
                        ('mem_used', models.BigIntegerField(null=True)),
                        ('mem_limit', models.BigIntegerField(null=True)),
                        ('disk_free', models.BigIntegerField(null=True)),
                        ('disk_free_limit', models.BigIntegerField(null=True)),
                        ('fd_used', models.BigIntegerField(null=True)),
                        ('sockets_used', models.BigIntegerField(null=True)),
                        ('proc_used', models.BigIntegerField(null=True)),
                        ('run_queue', models.BigIntegerField(null=True)),
                        ('gc_rate', models.FloatField(null=True)),
                        ('switch_rate', models.FloatField(null=True)),
                        ('read_bytes_rate', models.FloatField(null=True)),
                        ('write_bytes_rate', models.FloatField(null=True)),
                        ('link_bytes_rate', models.FloatField(null=True)),
                    ],
                    options={'db_table': 'vhosts_node_sample'},
                ),
            ],
        ),
    ]
