import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('console', '0008_request_count'),
        ("vhosts", "0007_partition_functions"),
    ]

    operations = [
        migrations.CreateModel(
            name='RollupGap',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('rollup', models.CharField(max_length=8)),
                ('bucket_at', models.DateTimeField()),
                ('broker', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='console.broker')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('rollup', 'broker', 'bucket_at'), name='one_gap_of_a_bucket')],
            },
        ),
    ]
