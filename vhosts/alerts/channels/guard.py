"""What the sending process may do: connect to allowed addresses, and nothing else.

Python's audit hooks see every connection, whichever library opens it and whatever a redirect or a
changed DNS answer leads to, because the check is on the IP address of the connection itself. A hook
can't be removed. Knows no Django.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
import sys
import sysconfig
from collections.abc import Sequence
from typing import Any

from console.rabbitmq.endpoint import AddressPolicy
from console.rabbitmq.network.ranges import why_forbidden

#: Starting programs, listening, and sending without a connection.
_NEVER = frozenset({
    "subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "pty.spawn",
    "socket.bind", "socket.sendto", "socket.sendmsg", "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link",
    "os.symlink", "os.truncate", "os.chmod", "os.chown", "os.putenv", "os.unsetenv", "shutil.rmtree", "webbrowser.open",
})  # fmt: skip
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Guard:
    """`refused` collects why something was refused, as sentences, in order."""

    def __init__(self, policy: AddressPolicy) -> None:
        self._policy = policy
        self._roots = _readable()
        self.refused: list[str] = []

    def install(self) -> None:
        """From now on, until the process ends."""
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: Sequence[Any]) -> None:
        if event == "socket.connect":
            self._check_connection(arguments[1])
        elif event == "open":
            self._check_file(arguments[0], arguments[1], arguments[2])
        elif event in _NEVER:
            self._refuse(f"The channel tried something that no channel may do ({event}).")

    def _check_connection(self, address: Any) -> None:
        if not isinstance(address, tuple) or not address:
            self._refuse("The channel tried to use a socket of this machine.")
        try:
            found = ipaddress.ip_address(str(address[0]).partition("%")[0])
        except ValueError:
            self._refuse("The channel tried to connect to a name instead of an IP address.")
        reason = why_forbidden(found, self._policy)
        if reason:
            self._refuse(reason)

    def _check_file(self, path: Any, mode: Any, flags: Any) -> None:
        if isinstance(path, int) or path is None:
            return
        name = os.fsdecode(path)
        if name == os.devnull:
            return
        writes = (isinstance(flags, int) and flags & _WRITES) or (
            isinstance(mode, str) and set(mode) & set("wax+")
        )
        real = os.path.realpath(name)
        if writes or not any(
            real == root or real.startswith(root + os.sep) for root in self._roots
        ):
            self._refuse("The channel tried to read or write a file.")

    def _refuse(self, sentence: str) -> None:
        self.refused.append(sentence)
        raise PermissionError(sentence)


def _readable() -> tuple[str, ...]:
    """Return what may be read: Python, its packages and certificates."""
    paths = sysconfig.get_paths()
    places = [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    places += [
        place
        for place in (ssl.get_default_verify_paths().capath, ssl.get_default_verify_paths().cafile)
        if place
    ]
    places += [
        os.environ[name] for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE") if os.environ.get(name)
    ]
    places += [
        "/etc/mime.types",
        "/usr/share/zoneinfo",
        "/etc/ssl/certs",
        "/usr/share/ca-certificates",
        "/etc/pki/tls/certs",
    ]
    return tuple(dict.fromkeys(os.path.realpath(place) for place in places))
