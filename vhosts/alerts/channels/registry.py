"""The registry of channels: add, edit, delete, test. Each in one transaction with its audit row, which
never contains the address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import IntegrityError, transaction

from accessctl.authorize import AnyUser, may_over
from accessctl.reach import Place
from accessctl.rights import Permission
from console.audit import record
from console.brokers.connect import address_policy
from console.errors import InvalidField, NotAllowed, Stale
from console.rabbitmq.endpoint import Secret
from console.rabbitmq.errors import AddressForbidden
from console.rabbitmq.network.addresses import check_literal
from console.secrets import decrypt, encrypt
from vhosts.alerts.channels.kinds import KINDS, Made, make_address
from vhosts.alerts.channels.model import AlertChannel
from vhosts.alerts.channels.send import Result, send_now
from vhosts.alerts.channels.services import host_of
from vhosts.alerts.tables.choices import Severity
from vhosts.alerts.tables.rules import AlertOwner, AlertRule

_TEST_TITLE = "Test message of Warren"
_TEST_BODY = "This channel works. Alerts of RabbitMQ brokers arrive here."


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """What a form or request gives. `values` are the fields of the kind; all empty keeps the stored
    address."""

    name: str
    kind: str
    values: Mapping[str, str]
    enabled: bool = True
    sends_resolved: bool = True
    link_acts: bool = False
    everything: bool = True
    least_severity: str = Severity.INFO
    rules: Sequence[AlertRule] = ()
    owners: Sequence[AlertOwner] = ()


def may_edit_channels(user: AnyUser) -> bool:
    """Return whether the user may: a channel serves all brokers, so the right is needed on all of them."""
    return may_over(user, Permission.ALERTS_EDIT, Place())


def require_channels(user: AnyUser) -> None:
    if not may_edit_channels(user):
        raise NotAllowed(
            "You aren't allowed to edit channels (requires alerts:edit on all brokers).",
            {"permission": str(Permission.ALERTS_EDIT)},
        )


def add_channel(settings: ChannelSettings, *, acting_user: AnyUser) -> AlertChannel:
    """Create a channel. Raises NotAllowed, InvalidField."""
    require_channels(acting_user)
    made = _checked(settings)
    channel = AlertChannel(
        kind=settings.kind, about=made.about, url_encrypted=encrypt(Secret(made.url))
    )
    _save(channel, settings, "alerts:add_channel", acting_user, note={"address": "set"})
    return channel


def edit_channel(
    channel: AlertChannel,
    settings: ChannelSettings,
    *,
    acting_user: AnyUser,
    expected_generation: int | None = None,
) -> AlertChannel:
    """Change a channel. Without values the address stays. Raises NotAllowed, InvalidField, Stale."""
    require_channels(acting_user)
    with transaction.atomic():
        channel = AlertChannel.objects.select_for_update().get(pk=channel.pk)
        if expected_generation is not None and channel.generation != expected_generation:
            raise Stale(
                "Someone else changed this channel. Reload it, then try again.",
                {"generation": channel.generation},
            )
        before = _public(channel)
        keeps = not any(value.strip() for value in settings.values.values())
        if keeps and settings.kind != channel.kind:
            raise InvalidField("kind", "Enter the address of the new kind.")
        note = {}
        if not keeps:
            made = _checked(settings)
            channel.kind, channel.about, channel.url_encrypted = (
                settings.kind,
                made.about,
                encrypt(Secret(made.url)),
            )
            channel.failures, channel.error, note = 0, "", {"address": "changed"}
        channel.generation += 1
        _save(channel, settings, "alerts:edit_channel", acting_user, note=note, before=before)
    return channel


def delete_channel(channel: AlertChannel, *, acting_user: AnyUser) -> None:
    """Delete a channel. Messages that wait for it are dropped. Raises NotAllowed."""
    require_channels(acting_user)
    with transaction.atomic():
        record(
            "alerts:delete_channel",
            target_kind="alert channel",
            target=channel.name,
            acting_user=acting_user,
            before=_public(channel),
        )
        channel.delete()


def test_channel(channel: AlertChannel, *, acting_user: AnyUser) -> Result:
    """Send a test message now and return how it went. Raises NotAllowed, WrongEncryptionKey."""
    require_channels(acting_user)
    result = send_now(decrypt(channel.url_encrypted), title=_TEST_TITLE, body=_TEST_BODY)
    record(
        "alerts:test_channel", target_kind="alert channel", target=channel.name, acting_user=acting_user,
        after={"sent": result.sent},
    )  # fmt: skip
    return result


def _checked(settings: ChannelSettings) -> Made:
    """Return the address. Refuses IP addresses that are forbidden; names are checked at every connect."""
    made = make_address(settings.kind, settings.values)
    host = host_of(made.url)
    first = KINDS[settings.kind].fields[0].name
    if host:
        try:
            check_literal(host, address_policy())
        except AddressForbidden as error:
            field = "smtp_host" if settings.kind == "email" else first
            raise InvalidField(field, str(error)) from None
    return made


def _name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > 100 or not name.isprintable():
        raise InvalidField("name", "Enter a name of 1 to 100 printable characters.")
    return name


def _save(
    channel: AlertChannel,
    settings: ChannelSettings,
    action: str,
    user: AnyUser,
    *,
    note: Mapping[str, object],
    before: dict[str, object] | None = None,
) -> None:
    channel.name, channel.enabled = _name(settings.name), settings.enabled
    channel.sends_resolved, channel.link_acts = settings.sends_resolved, settings.link_acts
    channel.everything, channel.least_severity = settings.everything, settings.least_severity
    try:
        with transaction.atomic():
            channel.save()
            channel.rules.set(settings.rules)
            channel.owners.set(settings.owners)
            record(
                action, target_kind="alert channel", target=channel.name, acting_user=user, before=before,
                after={**_public(channel), **note},
            )  # fmt: skip
    except IntegrityError:
        raise InvalidField("name", "A channel of this name exists.") from None


def _public(channel: AlertChannel) -> dict[str, object]:
    return {
        "name": channel.name, "kind": channel.kind, "about": channel.about, "enabled": channel.enabled,
        "sends_resolved": channel.sends_resolved, "link_acts": channel.link_acts, "everything": channel.everything,
        "least_severity": channel.least_severity, "rules": sorted(rule.name for rule in channel.rules.all()),
        "owners": sorted(owner.name for owner in channel.owners.all()),
    }  # fmt: skip
