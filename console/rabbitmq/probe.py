"""Test connection: each step on the way to a broker apart, so that a person sees which one fails.

A step that needs an earlier one that failed is skipped, and says so. All steps together end within
`PROBE_SECONDS`, whatever answers or does not.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from console.rabbitmq import errors
from console.rabbitmq.advice import advice_on
from console.rabbitmq.amqp.connection import connected
from console.rabbitmq.endpoint import AmqpEndpoint, Endpoint, Timeouts, Tls
from console.rabbitmq.management.client import ManagementClient
from console.rabbitmq.network.addresses import (
    ParsedUrl,
    open_connection,
    parse_management_url,
    resolve_checked,
)
from console.rabbitmq.network.deadline import Deadline
from console.rabbitmq.network.tls import hear_alert, tls_context, tls_failure
from console.rabbitmq.passage import read_passage, verdict
from console.rabbitmq.text import printable
from console.rabbitmq.types import Listener, Overview, Whoami

PROBE_SECONDS = 15.0
_STEP_SECONDS = 5.0
OLDEST = (3, 10)
NEWEST = (4, 3)

StepName = Literal[
    "resolve",
    "connect",
    "tls",
    "login",
    "rights",
    "version",
    "plugins",
    "proxy",
    "amqp",
    # Told by who knows the other brokers, where there is something to tell.
    "duplicate",
]
Outcome = Literal["ok", "failed", "warning", "skipped"]


@dataclass(frozen=True, slots=True)
class ProbeStep:
    """`message` says what was found, `advice` what to do about it ("" where nothing is to be done)."""

    name: StepName
    outcome: Outcome
    message: str
    advice: str = ""
    took_ms: int = 0


@dataclass(frozen=True, slots=True)
class _Found:
    message: str
    advice: str = ""
    outcome: Outcome = "ok"


def probe(endpoint: Endpoint, amqp: AmqpEndpoint | None = None) -> list[ProbeStep]:
    """Every step in order, never fewer, never raising BrokerError.

    Without `amqp`, the AMQP address is the one that the broker says it listens on, at the host of the
    management URL.
    """
    return _Probe(endpoint, amqp).run()


class _Probe:
    def __init__(self, endpoint: Endpoint, amqp: AmqpEndpoint | None) -> None:
        self._deadline = Deadline(PROBE_SECONDS)
        self._endpoint = endpoint
        self._given_amqp = amqp
        self._steps: list[ProbeStep] = []
        self._overview: Overview | None = None
        self._whoami: Whoami | None = None
        self._url: ParsedUrl | None = None

    def run(self) -> list[ProbeStep]:
        way_there = self._all(
            ("resolve", self._resolve), ("connect", self._connect), ("tls", self._tls)
        )
        logged_in = self._all(("login", self._log_in), needed=way_there)
        self._all(("rights", self._rights), needed=logged_in)
        self._all(("version", self._version), needed=logged_in)
        self._all(("plugins", self._plugins), needed=logged_in)
        self._all(("proxy", self._proxy), needed=logged_in)
        # AMQP is a door of its own: a given address is tried whatever HTTP says.
        self._all(("amqp", self._amqp), needed=logged_in or self._given_amqp is not None)
        return self._steps

    def _all(self, *steps: tuple[StepName, Callable[[], _Found]], needed: bool = True) -> bool:
        for name, step in steps:
            if not needed:
                self._steps.append(
                    ProbeStep(name, "skipped", "Skipped because an earlier step failed.")
                )
                continue
            started = time.monotonic()
            try:
                found = step()
            except errors.BrokerError as error:
                advice = self._other_scheme(name, error) or advice_on(name, error)
                found = _Found(_sentence(error), advice, "failed")
                needed = False
            took = round((time.monotonic() - started) * 1000)
            self._steps.append(ProbeStep(name, found.outcome, found.message, found.advice, took))
        return needed

    def _other_scheme(self, step: StepName, error: errors.BrokerError) -> str:
        """The advice to begin the address with https (amqps), where plain text was spoken to a port that
        speaks TLS; else ""."""
        if not isinstance(error, errors.MalformedAnswer | errors.Unreachable):
            return ""
        if step == "login" and self._url is not None and self._url.scheme == "http":
            host, port, scheme = self._url.host, self._url.port, "https"
        elif step == "amqp" and (amqp := self._given_amqp) is not None and amqp.scheme == "amqp":
            host, port, scheme = amqp.host, amqp.port, "amqps"
        else:
            return ""
        # Only whether TLS is spoken there: a certificate that is not accepted says so too.
        try:
            self._handshake(host, port, self._endpoint.tls)
        except errors.BrokerError as refused:
            if not isinstance(refused.__cause__, ssl.SSLCertVerificationError) and not isinstance(
                refused, errors.ClientCertificateRefused
            ):
                return ""
        return f"This port speaks TLS. Start the address with {scheme}://."

    def _resolve(self) -> _Found:
        try:
            self._url = parse_management_url(self._endpoint.url)
        except ValueError as error:
            raise errors.NameNotResolved(str(error)) from None
        addresses = resolve_checked(
            self._url.host, self._url.port, self._endpoint.policy, self._step_deadline()
        )
        if [str(address) for address in addresses] == [self._url.host]:
            return _Found(f"{self._url.host} is an IP address.")
        listed = ", ".join(str(address) for address in addresses[:4])
        return _Found(f"{self._url.host} resolves to {listed}.")

    def _connect(self) -> _Found:
        url, deadline = self._known_url(), self._step_deadline()
        open_connection(
            url.host, url.port, self._endpoint.policy, deadline, self._endpoint.timeouts.connect
        ).close()
        return _Found(f"A server listens on {url.authority}.")

    def _tls(self) -> _Found:
        url, tls = self._known_url(), self._endpoint.tls
        if url.scheme != "https":
            return _Found(
                "Not used: the password and all data travel unencrypted.",
                "Use https:// if traffic crosses a network you don't control.",
                "ok" if _is_local(url) else "warning",
            )
        version = self._handshake(url.host, url.port, tls)
        if not tls.verify:
            return _Found(
                f"{version}, but the certificate isn't verified.",
                "An attacker on the network can impersonate the broker. Provide a CA "
                "file and verify the certificate.",
                "warning",
            )
        shown = " Client certificate shown." if tls.client_pem else ""
        return _Found(f"{version}, certificate accepted.{shown}")

    def _handshake(self, host: str, port: int, tls: Tls) -> str:
        """The version of TLS that is spoken there. Raises BrokerError where none comes about."""
        context, deadline = tls_context(tls), self._step_deadline()
        connection = open_connection(
            host, port, self._endpoint.policy, deadline, self._endpoint.timeouts.connect
        )
        with connection:
            connection.settimeout(deadline.remaining())
            try:
                secured = context.wrap_socket(connection, server_hostname=tls.server_name or host)
            except TimeoutError:
                raise errors.TimedOut("The TLS handshake took too long.") from None
            except (OSError, ValueError) as error:
                raise tls_failure(error, host) from error
            with secured:
                hear_alert(secured)
                return secured.version() or "TLS"

    def _log_in(self) -> _Found:
        try:
            with self._client() as client:
                self._whoami = client.whoami()
        except errors.NotFound:
            raise errors.MalformedAnswer(
                "The server at this address isn't RabbitMQ's management API."
            ) from None
        return _Found(f"Signed in as {printable(self._whoami.name)}.")

    def _rights(self) -> _Found:
        tags = set(self._whoami.tags if self._whoami else ())
        listed = ", ".join(printable(tag, 40) for tag in sorted(tags)) or "none"
        if "administrator" in tags:
            return _Found(f"Tags: {listed}. The user can read and change everything.")
        limits = []
        if "monitoring" not in tags:
            limits.append("can't read nodes or the queues of other virtual hosts")
        limits.append("can't read or change users, permissions and virtual hosts")
        if "policymaker" not in tags:
            limits.append("can't change policies and parameters")
        return _Found(
            f"Tags: {listed}. The user {'; '.join(limits)}.",
            "To manage the broker, give the user the tag administrator. To monitor "
            "it, give the tag monitoring.",
            "warning",
        )

    def _version(self) -> _Found:
        with self._client() as client:
            self._overview = client.overview()
        said = self._overview.rabbitmq_version
        name = f"RabbitMQ {printable(said, 40)}"
        version = _major_minor(said)
        known = f"{OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}"
        if version is None:
            return _Found(f"{name}.", f"Versions {known} are supported.", "warning")
        if version < OLDEST:
            return _Found(f"{name} is too old.", f"Versions {known} are supported.", "warning")
        if version > NEWEST:
            advice = (
                f"Tested versions: {known}. This version should work but may behave differently."
            )
            return _Found(f"{name} is newer than this console.", advice, "warning")
        if not self._overview.stats_enabled:
            return _Found(
                f"{name}, with statistics disabled.",
                "Depths are available; rates, connections and consumers aren't.",
                "warning",
            )
        return _Found(f"{name}.")

    def _plugins(self) -> _Found:
        missing = (
            "Depths are read over the management API, which costs the broker several "
            "times more. Enable the plugin rabbitmq_prometheus"
        )
        ports = self._listening("http/prometheus", "https/prometheus")
        if self._overview is None:
            return _Found(
                "It's unknown whether the Prometheus plugin is enabled, because the broker didn't report "
                "its listeners.",
                "Test again. If the version can't be read either, fix that first.",
                "warning",
            )
        if not ports:
            if not self._overview.listeners:
                return self._no_listeners()
            return _Found("The Prometheus plugin isn't enabled.", f"{missing}.", "warning")
        url, listener = self._known_url(), ports[0]
        try:
            open_connection(
                url.host,
                listener.port,
                self._endpoint.policy,
                self._step_deadline(),
                self._endpoint.timeouts.connect,
            ).close()
        except errors.BrokerError as error:
            return _Found(
                f"The Prometheus plugin is enabled, but port {listener.port} can't be "
                f"reached: {_sentence(error)}",
                "Depths are read over the management API instead. To reduce the load "
                f"on the broker, open port {listener.port} to the console.",
                "warning",
            )
        return _Found(f"Management and Prometheus (port {listener.port}) answer.")

    def _no_listeners(self) -> _Found:
        tags = self._whoami.tags if self._whoami else ()
        if {"administrator", "monitoring"} & set(tags):
            return _Found(
                "The management plugin answers. The broker doesn't report its listeners"
                f"{'' if self._overview_has_stats() else ' while its statistics are disabled'}, so it's "
                "unknown whether the Prometheus plugin is enabled.",
                "Run rabbitmq-plugins list -e on a node.",
                "warning",
            )
        return _Found(
            "The management plugin answers. This user can't see the other plugins.",
            "To see them, give the user the tag monitoring.",
            "warning",
        )

    def _overview_has_stats(self) -> bool:
        return self._overview is not None and self._overview.stats_enabled

    def _proxy(self) -> _Found:
        with self._client() as client:
            passage = read_passage(client.http)
        return _Found(*verdict(passage))

    def _amqp(self) -> _Found:
        amqp = self._given_amqp or self._discovered_amqp()
        if amqp is None:
            return _Found(
                "The broker didn't report its AMQP listeners.",
                "Enter the AMQP address. Publishing messages and reading single queues need it.",
                "warning",
            )
        where = f"{printable(amqp.host)} port {amqp.port}"
        amqp = replace(amqp, timeouts=self._step_timeouts())
        if amqp.scheme == "amqps":
            # pika would tell a missing client certificate as a broken connection.
            self._handshake(amqp.host, amqp.port, amqp.tls)
        try:
            with connected(amqp, self._step_deadline()):
                pass
        except (errors.AccessRefused, errors.NotFound) as error:
            return _Found(
                f"AMQP answers on {where}, but this user can't access the virtual host "
                f"{printable(amqp.vhost, 80)}.",
                advice_on("amqp", error),
                "warning",
            )
        return _Found(f"Signed in over {'AMQPS' if amqp.scheme == 'amqps' else 'AMQP'} on {where}.")

    def _discovered_amqp(self) -> AmqpEndpoint | None:
        url = self._known_url()
        # The encrypted listener where the management API is encrypted too, else the plain one first.
        order = ("amqp/ssl", "amqp") if url.scheme == "https" else ("amqp", "amqp/ssl")
        for protocol in order:
            for listener in self._listening(protocol):
                return AmqpEndpoint(
                    scheme="amqps" if protocol == "amqp/ssl" else "amqp",
                    host=url.host,
                    port=listener.port,
                    credentials=self._endpoint.credentials,
                    tls=self._endpoint.tls,
                    policy=self._endpoint.policy,
                )
        return None

    def _listening(self, *protocols: str) -> list[Listener]:
        listeners = self._overview.listeners if self._overview else ()
        return [listener for listener in listeners if listener.protocol in protocols]

    def _known_url(self) -> ParsedUrl:
        if self._url is None:
            raise errors.Unreachable("The broker's AMQP address is unknown.")
        return self._url

    def _client(self) -> ManagementClient:
        return ManagementClient(replace(self._endpoint, timeouts=self._step_timeouts()))

    def _step_deadline(self) -> Deadline:
        return Deadline(self._step_seconds())

    def _step_timeouts(self) -> Timeouts:
        left = self._step_seconds()
        return Timeouts(connect=min(self._endpoint.timeouts.connect, left), read=left, total=left)

    def _step_seconds(self) -> float:
        return self._deadline.at_most(min(_STEP_SECONDS, self._endpoint.timeouts.total))


def _is_local(url: ParsedUrl) -> bool:
    return url.host in ("localhost", "::1") or url.host.startswith("127.")


def _major_minor(version: str) -> tuple[int, int] | None:
    parts = version.split(".")
    if len(parts) < 2 or not all(part.isdecimal() and len(part) < 6 for part in parts[:2]):
        return None
    return int(parts[0]), int(parts[1])


def _sentence(error: errors.BrokerError) -> str:
    return error.detail or error.summary
