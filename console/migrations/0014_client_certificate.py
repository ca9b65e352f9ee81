import console.secrets
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('console', '0013_broker_conditions'),
    ]

    operations = [
        migrations.AddField(
            model_name='broker',
            name='tls_client_certificate',
            field=models.TextField(blank=True, db_default='', default='', verbose_name='client certificate'),
        ),
        migrations.AddField(
            model_name='broker',
            name='tls_client_key_encrypted',
            field=console.secrets.EncryptedField(blank=True, db_default='', default=''),
        ),
    ]
