from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("vhosts", "0025_message_jobs"), ("vhosts", "0023_peeks"), ("vhosts", "0025_message_jobs")]
    operations = []
