"""`manage.py rotate_keys`: encrypt everything stored with the first encryption key.

That is broker passwords, client keys, backups, import drafts, saved messages and messages to publish. Run it after you put a new key
first in CONSOLE_ENCRYPTION_KEYS; then you can remove the old one. A secret that no key decrypts is
named and left as it is, and the exit code is 1. Prints no secret.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from console.audit import record
from console.errors import WrongEncryptionKey
from console.models import Broker
from console.secrets import rotate
from vhosts.models import Backup, ImportDraft, MessageTemplate, PublishLine

#: A broker's encrypted columns, and what is added to the broker's name if no key decrypts them.
_SECRETS = {"password_encrypted": "", "tls_client_key_encrypted": " (client key)"}


class Command(BaseCommand):
    help = "Encrypts every stored broker password, client key and backup with the first of CONSOLE_ENCRYPTION_KEYS."

    def handle(self, *args: Any, **options: Any) -> None:
        done, closed = 0, []
        with transaction.atomic():
            for broker in Broker.objects.select_for_update():
                for column, what in _SECRETS.items():
                    stored = getattr(broker, column)
                    if not stored:
                        continue
                    try:
                        setattr(broker, column, rotate(stored))
                    except WrongEncryptionKey:
                        closed.append(f"{broker.name}{what}")
                        continue
                    # This isn't an edit of the broker: its generation and ETag stay the same.
                    broker.save(update_fields=[column])
                    done += 1
            for model in (Backup, ImportDraft, PublishLine, MessageTemplate):
                # A line that was sent has no content any more.
                rows = model.objects.exclude(content_encrypted="")
                for row in rows.only("pk", "content_encrypted").select_for_update():
                    try:
                        row.content_encrypted = rotate(row.content_encrypted)
                    except WrongEncryptionKey:
                        closed.append(f"{model._meta.verbose_name} {row.pk}")
                        continue
                    row.save(update_fields=["content_encrypted"])
                    done += 1
            if done:
                record(
                    "brokers:rotate-keys",
                    target_kind="broker",
                    target="all",
                    acting_user=None,
                    after={"rotated": done, "not_opened": closed},
                )
        self.stdout.write(f"Encrypted with the first key: {done}.")
        if closed:
            raise CommandError(
                f"No key decrypts the password of: {', '.join(closed)}. Add the old "
                "key after the new one, or enter these passwords again."
            )
