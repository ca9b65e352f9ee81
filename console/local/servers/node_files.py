"""What our own RabbitMQ node is started with: its ports, configuration files and environment."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from console.local.servers.ports import Ports

ADMINISTRATOR = "warren"
#: The node's name contains "localhost", which not every machine's /etc/hosts has.
INETRC = '{host, {127,0,0,1}, ["localhost"]}.\n{lookup, [file, native]}.\n'


@dataclass(frozen=True, slots=True)
class NodePorts:
    amqp: int
    management: int
    prometheus: int
    stream: int
    distribution: int
    epmd: int

    @classmethod
    def choose(cls, ports: Ports) -> NodePorts:
        return cls(
            amqp=ports.choose("rabbitmq_amqp", "CONSOLE_RABBITMQ_AMQP_PORT"),
            management=ports.choose("rabbitmq_management", "CONSOLE_RABBITMQ_MANAGEMENT_PORT"),
            prometheus=ports.choose("rabbitmq_prometheus", "CONSOLE_RABBITMQ_PROMETHEUS_PORT"),
            stream=ports.choose("rabbitmq_stream", "CONSOLE_RABBITMQ_STREAM_PORT"),
            distribution=ports.choose("rabbitmq_distribution"),
            epmd=ports.choose("rabbitmq_epmd"),
        )


def configuration(
    ports: NodePorts, password: str, *, stream: bool, settings: Sequence[str] = ()
) -> str:
    """Return rabbitmq.conf. `settings` are additional lines."""
    return "\n".join(
        [
            f"listeners.tcp.1 = 127.0.0.1:{ports.amqp}",
            "management.tcp.ip = 127.0.0.1",
            f"management.tcp.port = {ports.management}",
            "prometheus.tcp.ip = 127.0.0.1",
            f"prometheus.tcp.port = {ports.prometheus}",
            *([f"stream.listeners.tcp.1 = 127.0.0.1:{ports.stream}"] * stream),
            f"default_user = {ADMINISTRATOR}",
            f"default_pass = {password}",
            "default_user_tags.administrator = true",
            "disk_free_limit.absolute = 100MB",
            "log.file.rotation.size = 10485760",
            "log.file.rotation.count = 2",
            *settings,
            "",
        ]
    )


def advanced_configuration(home: Path, password: str) -> str:
    """Return advanced.config. By default, tracing connects as guest and writes to /var/tmp."""
    return (
        "[{rabbitmq_tracing, ["
        f'{{directory, "{_erlang_string(str(home / "trace"))}"}},'
        f'{{username, <<"{ADMINISTRATOR}">>}},'
        f'{{password, <<"{password}">>}}]}}].\n'
    )


def environment(home: Path, name: str, ports: NodePorts, erl_arguments: str = "") -> dict[str, str]:
    """Return an environment without the user's RabbitMQ and Erlang settings or /etc/rabbitmq."""
    foreign = ("RABBITMQ_", "ERL_", "CONSOLE_", "NOTIFY_SOCKET", "DATABASE_URL", "CELERY_")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
    return kept | {
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "ERL_INETRC": str(home / "inetrc"),
        "ERL_CRASH_DUMP_BYTES": "0",
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(ports.epmd),
        "RABBITMQ_NODENAME": name,
        "RABBITMQ_DIST_PORT": str(ports.distribution),
        "RABBITMQ_MNESIA_BASE": str(home / "data"),
        "RABBITMQ_LOG_BASE": str(home / "log"),
        "RABBITMQ_GENERATED_CONFIG_DIR": str(home / "data" / "config"),
        "RABBITMQ_SCHEMA_DIR": str(home / "data" / "schema"),
        "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(home / "advanced.config"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_PID_FILE": str(home / "node.pid"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
            f"-kernel inet_dist_use_interface {{127,0,0,1}} {erl_arguments}".strip()
        ),
        # With this, the start script becomes the node instead of waiting for it: one process to
        # watch and signal. (systemd isn't notified: that needs NOTIFY_SOCKET.)
        "RUNNING_UNDER_SYSTEMD": "true",
    }


def _erlang_string(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
