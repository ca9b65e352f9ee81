"""The broker in RABBITMQ_URL: parse the address and check that the broker answers."""

from __future__ import annotations

import base64
import json
import os
import socket
import urllib.error
import urllib.request
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from console.local.trouble import Trouble

EXAMPLE = "RABBITMQ_URL=http://user:password@host:15672"


@dataclass(frozen=True, slots=True, repr=False)
class GivenBroker:
    """`management_url` is without the login; `amqp_url` is empty if it must be discovered."""

    management_url: str
    username: str
    password: str
    amqp_url: str

    @property
    def name(self) -> str:
        return urlsplit(self.management_url).netloc


def given_broker() -> GivenBroker | None:
    """Read RABBITMQ_URL; None if unset. Raises Trouble, without the password, if it is wrong."""
    text = os.environ.get("RABBITMQ_URL", "").strip()
    if not text:
        return None
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise Trouble(f"RABBITMQ_URL isn't a valid address. Use a form such as {EXAMPLE}") from None
    if parts.scheme not in {"http", "https"}:
        raise Trouble(
            "RABBITMQ_URL must be the address of the management API with http:// or "
            f"https://, not {parts.scheme or 'without a scheme'}. Use a form such as "
            f"{EXAMPLE}"
        )
    if not parts.hostname:
        raise Trouble(f"RABBITMQ_URL has no host. Use a form such as {EXAMPLE}")
    if not parts.username or parts.password is None:
        raise Trouble(f"RABBITMQ_URL needs a username and a password: {EXAMPLE}")
    if parts.query or parts.fragment:
        raise Trouble("RABBITMQ_URL can't contain ? or #. In a password, write %3F or %23.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    netloc = f"{host}:{port}" if port else host
    return GivenBroker(
        management_url=f"{parts.scheme}://{netloc}{parts.path.rstrip('/')}",
        username=unquote(parts.username),
        password=unquote(parts.password),
        amqp_url=os.environ.get("RABBITMQ_AMQP_URL", "").strip(),
    )


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: object, **kwargs: object) -> None:
        return None


def check(broker: GivenBroker, *, seconds: float = 8.0) -> str:
    """Return RabbitMQ's version. Raises Trouble with the failed step and what to do."""
    where = broker.management_url
    request = urllib.request.Request(f"{where}/api/overview")  # noqa: S310 (scheme checked)
    login = base64.b64encode(f"{broker.username}:{broker.password}".encode()).decode()
    request.add_header("Authorization", f"Basic {login}")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects)
    try:
        with opener.open(request, timeout=seconds) as answer:
            overview = json.loads(answer.read(10_000_000))
            return str(overview["rabbitmq_version"])
    except urllib.error.HTTPError as error:
        if error.code == 401:
            raise Trouble(
                f"{where} refused the user “{broker.username}” with the password in "
                "RABBITMQ_URL. RabbitMQ lets guest sign in only from its own machine."
            ) from None
        raise Trouble(
            f"{where} answered {error.code}. RABBITMQ_URL must point to the management "
            "API, usually port 15672, and its user needs the tag monitoring or "
            "administrator."
        ) from None
    except urllib.error.URLError as error:
        raise Trouble(_why_not(where, error.reason)) from None
    except OSError as error:
        raise Trouble(_why_not(where, error)) from None
    except (ValueError, KeyError, TypeError):
        raise Trouble(
            f"The server at {where} isn't RabbitMQ's management API. Check the port "
            "(usually 15672, not 5672) and that the plugin rabbitmq_management is "
            "enabled."
        ) from None


def _why_not(where: str, reason: object) -> str:
    if isinstance(reason, socket.gaierror):
        return (
            f"The host in RABBITMQ_URL ({where}) can't be resolved. Check the spelling and the DNS."
        )
    if isinstance(reason, TimeoutError):
        return (
            f"{where} didn't answer in time. Check that the host is up and that no "
            "firewall blocks the port."
        )
    if isinstance(reason, ConnectionRefusedError):
        return (
            f"Nothing listens on {where} (RABBITMQ_URL). Check that RabbitMQ is "
            "running there and that the plugin rabbitmq_management is enabled."
        )
    return f"Can't reach {where} (RABBITMQ_URL): {reason}"
