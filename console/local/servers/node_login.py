"""Restore the private node's administrator with rabbitmqctl, whoever changed it."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from console.local.trouble import Trouble

_SECONDS = 60


def restore_login(server: Path, environment: Mapping[str, str], name: str, password: str) -> None:
    """Give the node's user this password and the tag administrator. Creates a missing user.

    `server` is the node's start script, `environment` its environment. Raises Trouble.
    """

    def run(*words: str, given: str = "") -> str:
        # rabbitmqctl reads an omitted password from standard input, so it appears on no command
        # line.
        done = subprocess.run(
            [str(server.with_name("rabbitmqctl")), "--quiet", *words],
            env=dict(environment),
            input=given,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
        )
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise Trouble(
                f"rabbitmqctl {words[0]} failed: {said[-1][:300] if said else 'no reason given'}"
            )
        return done.stdout

    try:
        users = {
            line.split("\t")[0] for line in run("list_users", "--no-table-headers").splitlines()
        }
        if name in users:
            run("change_password", name, given=f"{password}\n")
        else:
            run("add_user", name, given=f"{password}\n")
            run("set_permissions", "-p", "/", name, ".*", ".*", ".*")
        run("set_user_tags", name, "administrator")
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Trouble(f"rabbitmqctl can't be run: {error}") from None
