"""Code for Python: pika, aio-pika, kombu, Celery."""

from __future__ import annotations

from collections.abc import Sequence

from vhosts.messages.connecting.code.literals import python_literal
from vhosts.messages.connecting.code.target import (
    CA_FILE,
    CERTIFICATE_FILE,
    KEY_FILE,
    PASSWORD,
    Target,
)


def pika(target: Target) -> str:
    name = python_literal(target.server_name) if target.server_name else "host"
    return _joined(
        ["import os"],
        ["import ssl"] if target.tls else [],
        ["", "import pika", ""],
        _context(target),
        [
            f"user = {python_literal(target.user)}",
            f'credentials = pika.PlainCredentials(user, os.environ["{PASSWORD}"])',
            f"servers = {_servers(target)}",
            "parameters = [",
            "    pika.ConnectionParameters(",
            "        host=host,",
            "        port=port,",
            f"        virtual_host={python_literal(target.vhost)},",
            "        credentials=credentials,",
        ],
        [f"        ssl_options=pika.SSLOptions(context, {name}),"] if target.tls else [],
        [
            "    )",
            "    for host, port in servers",
            "]",
            "with pika.BlockingConnection(parameters) as connection:",
            "    channel = connection.channel()",
        ],
        [
            "    channel.confirm_delivery()",
            '    queue = channel.queue_declare("", exclusive=True).method.queue',
            '    channel.basic_publish("", queue, b"hello", mandatory=True)',
            "    method, properties, body = channel.basic_get(queue, auto_ack=True)",
            "    print(body.decode())",
        ]
        if target.round_trip
        else ['    print("Connected.")'],
    )


def aio_pika(target: Target) -> str:
    return _joined(
        ["import asyncio", "import os"],
        ["import ssl"] if target.tls else [],
        ["", "import aio_pika", ""],
        _context(target),
        [f"servers = {_servers(target)}", "", "", "async def connect():"],
        [
            "    for host, port in servers:",
            "        try:",
            "            return await aio_pika.connect(",
            "                host=host,",
            "                port=port,",
            f"                login={python_literal(target.user)},",
            f'                password=os.environ["{PASSWORD}"],',
            f"                virtualhost={python_literal(target.vhost)},",
        ],
        ["                ssl=True,", "                ssl_context=context,"] if target.tls else [],
        [
            "            )",
            "        except OSError as error:",
            "            print(host, error)",
            '    raise SystemExit("No node answers.")',
            "",
            "",
            "async def main():",
            "    async with await connect() as connection:",
            "        channel = await connection.channel()",
        ],
        [
            "        queue = await channel.declare_queue(exclusive=True)",
            '        message = aio_pika.Message(b"hello")',
            "        await channel.default_exchange.publish(message, queue.name)",
            "        received = await queue.get(no_ack=True)",
            "        print(received.body.decode())",
        ]
        if target.round_trip
        else ['        print("Connected.")'],
        ["", "", "asyncio.run(main())"],
    )


def kombu(target: Target) -> str:
    return _joined(
        ["import os"],
        ["import ssl"] if target.tls else [],
        ["from urllib.parse import quote", "", "import kombu", ""],
        _urls(target),
        ["with kombu.Connection("],
        ["    urls,"],
        ["    ssl=tls,"] if target.tls else [],
        ['    transport_options={"confirm_publish": True},', ") as connection:"],
        ["    channel = connection.channel()"],
        [
            '    queue = kombu.Queue("", exclusive=True, channel=channel)',
            "    queue.declare()",
            "    producer = kombu.Producer(channel)",
            '    producer.publish("hello", routing_key=queue.name)',
            "    print(queue.get(no_ack=True).payload)",
        ]
        if target.round_trip
        else ['    print("Connected.")'],
    )


def celery(target: Target) -> str:
    return _joined(
        ["import os"],
        ["import ssl"] if target.tls else [],
        ["from urllib.parse import quote", "", "from celery import Celery", ""],
        _urls(target),
        ['app = Celery("tasks", broker=urls)'],
        ["app.conf.broker_use_ssl = tls"] if target.tls else [],
        [
            "",
            "",
            "@app.task",
            "def hello():",
            '    return "hello"',
            "",
            "",
            'if __name__ == "__main__":',
            "    with app.connection_for_write() as connection:",
            "        connection.ensure_connection(max_retries=3)",
            '        print("Connected.")',
        ],
    )


def _context(target: Target) -> list[str]:
    """Lines that make the TLS context; none without TLS. System authorities without `ca_file`."""
    if not target.tls:
        return []
    authorities = f'cafile="{CA_FILE}"' if target.ca_file else ""
    lines = [f"context = ssl.create_default_context({authorities})"]
    if target.client_certificate:
        lines.append(f'context.load_cert_chain("{CERTIFICATE_FILE}", "{KEY_FILE}")')
    return lines


def _servers(target: Target, *, in_urls: bool = False) -> str:
    hosts = [(one.url_host if in_urls else one.host, one.port) for one in target.servers]
    return f"[{', '.join(f'({python_literal(host)}, {port})' for host, port in hosts)}]"


def _urls(target: Target) -> list[str]:
    """Lines that make `urls`, and `tls` with TLS. quote() keeps a slash, a semicolon or a percent
    sign of a name from being read as part of the URL."""
    url = f"{target.scheme}://{{user}}:{{password}}@{{host}}:{{port}}/{{vhost}}"
    lines = [
        f'user = quote({python_literal(target.user)}, safe="")',
        f'password = quote(os.environ["{PASSWORD}"], safe="")',
        f'vhost = quote({python_literal(target.vhost)}, safe="")',
        f"servers = {_servers(target, in_urls=True)}",
        "urls = [",
        f'    f"{url}"',
        "    for host, port in servers",
        "]",
    ]
    if target.tls:
        name = python_literal(target.server_name) if target.server_name else "None"
        lines += [
            "tls = {",
            '    "cert_reqs": ssl.CERT_REQUIRED,',
            f'    "server_hostname": {name},',
        ]
        if target.ca_file:
            lines.append(f'    "ca_certs": "{CA_FILE}",')
        if target.client_certificate:
            lines += [f'    "certfile": "{CERTIFICATE_FILE}",', f'    "keyfile": "{KEY_FILE}",']
        lines.append("}")
    return lines


def _joined(*blocks: Sequence[str]) -> str:
    return "\n".join(line for block in blocks for line in block) + "\n"
