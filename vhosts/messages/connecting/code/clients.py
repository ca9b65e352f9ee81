"""The client libraries for which code is offered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from vhosts.messages.connecting.code import java, others, python
from vhosts.messages.connecting.code.target import CERTIFICATE_FILE, KEY_FILE, STORE_FILE, Target


@dataclass(frozen=True, slots=True)
class Client:
    """`file` is what the code is saved as; `install` says how to get the library, `run` is a shell command."""

    label: str
    language: str
    file: str
    install: str
    run: str
    write: Callable[[Target], str]
    #: The library compares the certificate with the host name and can't be given another name.
    fixed_name: bool = False


@dataclass(frozen=True, slots=True)
class Snippet:
    """Code that connects. `notes` are sentences about what else it needs."""

    client: str
    label: str
    language: str
    file: str
    install: str
    run: str
    code: str
    notes: tuple[str, ...]


CLIENTS: Mapping[str, Client] = {
    "pika": Client("pika", "Python", "hello.py", "pip install pika", "python hello.py", python.pika),
    "aio-pika": Client(
        "aio-pika", "Python", "hello.py", "pip install aio-pika", "python hello.py",
        python.aio_pika, fixed_name=True,
    ),
    "kombu": Client("kombu", "Python", "hello.py", "pip install kombu", "python hello.py", python.kombu),
    "celery": Client(
        "Celery", "Python", "tasks.py", "pip install celery", "celery -A tasks worker", python.celery
    ),
    "java": Client(
        "Java", "Java", "Hello.java", "Add com.rabbitmq:amqp-client with Maven or Gradle",
        "java -cp 'lib/*' Hello.java", java.java, fixed_name=True,
    ),
    "dotnet": Client(
        ".NET", "C#", "Program.cs", "dotnet add package RabbitMQ.Client", "dotnet run", others.dotnet
    ),
    "node": Client(
        "Node (amqplib)", "JavaScript", "hello.js", "npm install amqplib", "node hello.js", others.node
    ),
    "go": Client(
        "Go (amqp091-go)", "Go", "main.go", "go get github.com/rabbitmq/amqp091-go", "go run .", others.go
    ),
}  # fmt: skip


def snippet(name: str, target: Target) -> Snippet:
    """Return the code for one of CLIENTS."""
    client = CLIENTS[name]
    return Snippet(
        name, client.label, client.language, client.file, client.install, client.run,
        client.write(target), tuple(_notes(name, client, target)),
    )  # fmt: skip


def _notes(name: str, client: Client, target: Target) -> list[str]:
    notes = []
    if name == "celery":
        notes.append(
            "Celery declares queues and exchanges named celery, celeryev and *.celery.pidbox: the user "
            "needs configure, write and read permission on them."
        )
    if name == "node":
        notes.append(
            "RabbitMQ 4.1 and later need amqplib 0.10.7 or later, because of its frame size."
        )
    if client.fixed_name and target.tls and target.server_name:
        notes.append(
            f"{client.label} compares the certificate with the host name. This broker's certificate is "
            "issued for another name: connect by that name."
        )
    if name == "java" and target.tls and target.client_certificate:
        notes.append(
            f"Java reads certificate and key from a PKCS#12 file: openssl pkcs12 -export -in {CERTIFICATE_FILE} "
            f"-inkey {KEY_FILE} -out {STORE_FILE}. Its password goes into CLIENT_STORE_PASSWORD."
        )
    return notes
