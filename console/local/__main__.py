"""`python -m console.local up|status|stop|reset|test …`: the entry point of bin/up and bin/test."""

from __future__ import annotations

import sys

from console.local import control
from console.local.folder import StateFolder, default_state_folder
from console.local.trouble import Trouble


def main(words: list[str]) -> int:
    """Run the command; return the exit code. The scripts have already checked the arguments."""
    command, rest = words[0], words[1:]
    if command == "up":
        from console.local.up import up

        return up(demo="--demo" in rest)
    if command == "test":
        from console.local.suite import run_tests

        return run_tests(rest)
    folder = StateFolder(default_state_folder())
    try:
        if command == "status":
            return control.status(folder)
        if command == "stop":
            return control.stop(folder)
        if command == "reset":
            return control.reset(folder, sure="--yes" in rest)
    except Trouble as trouble:
        print(f"bin/up: {trouble}", file=sys.stderr)
        return 1
    raise SystemExit(f"unknown command {command}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
