from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("console", "0009_audit_is_not_truncated"),
    ]

    operations = [
        migrations.CreateModel(
            name='JobRun',
            fields=[
                ('name', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('expected_since', models.DateTimeField()),
                ('started_at', models.DateTimeField(null=True)),
                ('succeeded_at', models.DateTimeField(null=True)),
                ('failed_at', models.DateTimeField(null=True)),
                ('error', models.TextField(blank=True)),
                ('failures', models.PositiveIntegerField(default=0)),
            ],
            options={
                'verbose_name': 'background job',
            },
        ),
        # Two updates a second of one row: room on its page keeps them there.
        migrations.RunSQL(
            "ALTER TABLE console_jobrun SET (fillfactor = 20)", migrations.RunSQL.noop
        ),
    ]
