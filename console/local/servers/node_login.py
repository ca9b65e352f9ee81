"""The private node's administrator, put right again by rabbitmqctl: the node is ours, whoever changed it."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from console.local.trouble import Trouble

_SECONDS = 60


def restore_login(server: Path, environment: Mapping[str, str], name: str, password: str) -> None:
    """Afterwards the node's user has this password and the tag administrator; it is created where it is
    gone. `server` is the node's start script, `environment` its own. Raises Trouble."""

    def run(*words: str, given: str = "") -> str:
        # A password that is left out is read from the standard input: it stands on no command line.
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
