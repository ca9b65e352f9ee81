"""Test connection: run each step on the way to a broker separately, to show which one fails.

A step that needs an earlier, failed one is skipped and says so. All steps together end within
`PROBE_SECONDS`, whatever answers or doesn't.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from dataclasses import replace

from console.rabbitmq import errors
from console.rabbitmq.advice import advice_on
from console.rabbitmq.amqp.connection import connected
from console.rabbitmq.endpoint import AmqpEndpoint, Endpoint, Timeouts, Tls
from console.rabbitmq.findings import (
    Found,
    ProbeStep,
    StepName,
    rights_of,
    sentence_of,
    version_of,
    without_listeners,
)
from console.rabbitmq.management.client import ManagementClient
from console.rabbitmq.network.addresses import (
    ParsedUrl,
    open_connection,
    parse_management_url,
    resolve_checked,
)
from console.rabbitmq.network.deadline import Deadline
from console.rabbitmq.network.handshake import shake_hands
from console.rabbitmq.network.tls import hear_alert
from console.rabbitmq.passage import read_passage, verdict
from console.rabbitmq.text import printable
from console.rabbitmq.types import Listener, Overview, Whoami

PROBE_SECONDS = 15.0
_STEP_SECONDS = 5.0


def probe(endpoint: Endpoint, amqp: AmqpEndpoint | None = None) -> list[ProbeStep]:
    """Return the results of all steps, in order. Always complete, and never raises BrokerError.

    Without `amqp`, the AMQP address is the port that the broker reports, on the management URL's
    host.
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
        # AMQP is independent of HTTP: a given address is tested whatever HTTP answers.
        self._all(("amqp", self._amqp), needed=logged_in or self._given_amqp is not None)
        return self._steps

    def _all(self, *steps: tuple[StepName, Callable[[], Found]], needed: bool = True) -> bool:
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
                found = Found(sentence_of(error), advice, "failed")
                needed = False
            took = round((time.monotonic() - started) * 1000)
            self._steps.append(ProbeStep(name, found.outcome, found.message, found.advice, took))
        return needed

    def _other_scheme(self, step: StepName, error: errors.BrokerError) -> str:
        """Return the advice to use https (amqps) if a port that got plain text speaks TLS; else ""."""
        if not isinstance(error, errors.MalformedAnswer | errors.Unreachable):
            return ""
        if step == "login" and self._url is not None and self._url.scheme == "http":
            host, port, scheme = self._url.host, self._url.port, "https"
        elif step == "amqp" and (amqp := self._given_amqp) is not None and amqp.scheme == "amqp":
            host, port, scheme = amqp.host, amqp.port, "amqps"
        else:
            return ""
        # Tests only whether the port speaks TLS: a certificate that isn't accepted proves that too.
        try:
            self._handshake(host, port, self._endpoint.tls)
        except errors.BrokerError as refused:
            if not isinstance(refused.__cause__, ssl.SSLCertVerificationError) and not isinstance(
                refused, errors.ClientCertificateRefused
            ):
                return ""
        return f"This port speaks TLS. Start the address with {scheme}://."

    def _resolve(self) -> Found:
        try:
            self._url = parse_management_url(self._endpoint.url)
        except ValueError as error:
            raise errors.NameNotResolved(str(error)) from None
        addresses = resolve_checked(
            self._url.host, self._url.port, self._endpoint.policy, self._step_deadline()
        )
        if [str(address) for address in addresses] == [self._url.host]:
            return Found(f"{self._url.host} is an IP address.")
        listed = ", ".join(str(address) for address in addresses[:4])
        return Found(f"{self._url.host} resolves to {listed}.")

    def _connect(self) -> Found:
        url, deadline = self._known_url(), self._step_deadline()
        open_connection(
            url.host, url.port, self._endpoint.policy, deadline, self._endpoint.timeouts.connect
        ).close()
        return Found(f"A server listens on {url.authority}.")

    def _tls(self) -> Found:
        url, tls = self._known_url(), self._endpoint.tls
        if url.scheme != "https":
            return Found(
                "Not used: the password and all data travel unencrypted.",
                "Use https:// if traffic crosses a network you don't control.",
                "ok" if _is_local(url) else "warning",
            )
        version = self._handshake(url.host, url.port, tls)
        if not tls.verify:
            return Found(
                f"{version}, but the certificate isn't verified.",
                "An attacker on the network can impersonate the broker. Provide a CA "
                "file and verify the certificate.",
                "warning",
            )
        shown = " Client certificate sent." if tls.client_pem else ""
        return Found(f"{version}, certificate accepted.{shown}")

    def _handshake(self, host: str, port: int, tls: Tls) -> str:
        """Return the TLS version of the server. Raises BrokerError if the handshake fails."""
        deadline = self._step_deadline()
        connection = open_connection(
            host, port, self._endpoint.policy, deadline, self._endpoint.timeouts.connect
        )
        with shake_hands(connection, host, tls, deadline) as secured:
            hear_alert(secured)
            return secured.version() or "TLS"

    def _log_in(self) -> Found:
        try:
            with self._client() as client:
                self._whoami = client.whoami()
        except errors.NotFound:
            raise errors.MalformedAnswer(
                "The server at this address isn't RabbitMQ's management API."
            ) from None
        return Found(f"Signed in as {printable(self._whoami.name)}.")

    def _rights(self) -> Found:
        return rights_of(self._tags())

    def _version(self) -> Found:
        with self._client() as client:
            self._overview = client.overview()
        return version_of(self._overview)

    def _tags(self) -> tuple[str, ...]:
        return tuple(self._whoami.tags) if self._whoami else ()

    def _plugins(self) -> Found:
        missing = (
            "Depths are read over the management API, which costs the broker several "
            "times more. Enable the plugin rabbitmq_prometheus"
        )
        ports = self._listening("http/prometheus", "https/prometheus")
        if self._overview is None:
            return Found(
                "It's unknown whether the Prometheus plugin is enabled, because the broker didn't report "
                "its listeners.",
                "Test again. If the version can't be read either, fix that first.",
                "warning",
            )
        if not ports:
            if not self._overview.listeners:
                return without_listeners(self._overview, self._tags())
            return Found("The Prometheus plugin isn't enabled.", f"{missing}.", "warning")
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
            return Found(
                f"The Prometheus plugin is enabled, but port {listener.port} can't be "
                f"reached: {sentence_of(error)}",
                "Depths are read over the management API instead. To reduce the load "
                f"on the broker, open port {listener.port} to the console.",
                "warning",
            )
        return Found(f"Management and Prometheus (port {listener.port}) answer.")

    def _proxy(self) -> Found:
        with self._client() as client:
            passage = read_passage(client.http)
        return Found(*verdict(passage))

    def _amqp(self) -> Found:
        amqp = self._given_amqp or self._discovered_amqp()
        if amqp is None:
            return Found(
                "The broker reports AMQP listeners without TLS only. The password isn't sent there."
                if self._listening("amqp")
                else "The broker didn't report its AMQP listeners.",
                "Enter the AMQP address. Publishing messages and reading single queues need it.",
                "warning",
            )
        where = f"{printable(amqp.host)} port {amqp.port}"
        amqp = replace(amqp, timeouts=self._step_timeouts())
        if amqp.scheme == "amqps":
            # pika would report a missing client certificate as a broken connection.
            self._handshake(amqp.host, amqp.port, amqp.tls)
        try:
            with connected(amqp, self._step_deadline()):
                pass
        except (errors.AccessRefused, errors.NotFound) as error:
            return Found(
                f"AMQP answers on {where}, but this user can't access the virtual host "
                f"{printable(amqp.vhost, 80)}.",
                advice_on("amqp", error),
                "warning",
            )
        return Found(f"Signed in over {'AMQPS' if amqp.scheme == 'amqps' else 'AMQP'} on {where}.")

    def _discovered_amqp(self) -> AmqpEndpoint | None:
        url = self._known_url()
        # Never a plain one if the management API is encrypted: the password would be in clear text.
        order = ("amqp/ssl",) if url.scheme == "https" else ("amqp", "amqp/ssl")
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
