"""Free TCP ports, chosen once and remembered, so that addresses stay the same between starts."""

from __future__ import annotations

import os
import random
import socket

from console.local.folder import StateFolder
from console.local.trouble import Trouble

# Below Linux's ephemeral range (32768 up), so that no outgoing connection occupies them.
CANDIDATES = range(20_000, 32_000)

# Servers that may be installed later expect these ports.
WELL_KNOWN = frozenset({25672, 27017, 28017, 25565, 26379, 27015})


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Return whether a server could listen there now.

    SO_REUSEADDR ignores connections in TIME_WAIT, as the servers themselves do.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def given_port(variable: str, default: int | None = None) -> int | None:
    """Return the port that the user set in the environment. Raises Trouble if it isn't a port."""
    text = os.environ.get(variable, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise Trouble(f"{variable} must be a port from 1 to 65535, not “{text[:40]}”.")
    return int(text)


class Ports:
    """The ports of one state folder, in `ports.json`."""

    def __init__(self, folder: StateFolder) -> None:
        self._folder = folder
        self._remembered: dict[str, int] = {
            name: port
            for name, port in folder.read_json("ports.json").items()
            if isinstance(port, int)
        }
        self._taken: set[int] = set()

    def choose(self, name: str, variable: str = "") -> int:
        """Return a free port for `name`: the user's (`variable`), the remembered one, or a new one.

        Raises Trouble if the user's port is in use.
        """
        given = given_port(variable) if variable else None
        if given is not None:
            if given in self._taken or not is_free(given):
                raise Trouble(
                    f"Port {given} ({variable}) is in use by another program. Stop "
                    f"that program, or set {variable} to a free port."
                )
            self._taken.add(given)
            return given
        port = self._remembered.get(name, 0)
        if not port or port in self._taken or not is_free(port):
            port = self._new()
            self._remembered[name] = port
            self._folder.write_json("ports.json", self._remembered)
        self._taken.add(port)
        return port

    def _new(self) -> int:
        spoken_for = self._taken | set(self._remembered.values()) | WELL_KNOWN
        for port in random.sample(CANDIDATES, 500):
            if port not in spoken_for and is_free(port):
                return port
        raise Trouble("Found no free TCP port between 20000 and 32000 on 127.0.0.1.")
