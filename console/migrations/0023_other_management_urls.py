from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('console', '0022_rates'),
    ]

    operations = [
        migrations.AddField(
            model_name='broker',
            name='other_urls',
            field=models.TextField(blank=True, db_default='', default='', verbose_name='other management URLs'),
        ),
        migrations.AddField(
            model_name='brokerstatus',
            name='answered_node',
            field=models.CharField(blank=True, db_default='', default='', max_length=255),
        ),
        migrations.AddField(
            model_name='brokerstatus',
            name='answered_url',
            field=models.CharField(blank=True, db_default='', default='', max_length=500),
        ),
        migrations.AddField(
            model_name='brokerstatus',
            name='urls_off',
            field=models.JSONField(db_default={}, default=dict),
        ),
    ]
