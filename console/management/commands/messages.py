"""`manage.py messages …`: messages from scripts (docs/messages.md)."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from types import ModuleType
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from console.errors import ConsoleError
from console.management import messages, pipeline


def _subcommands() -> dict[str, ModuleType]:
    """Return the modules of console.management.messages by name."""
    return {
        found.name: importlib.import_module(f"{messages.__name__}.{found.name}")
        for found in pkgutil.iter_modules(messages.__path__)
    }


class Command(BaseCommand):
    help = "Work with messages. Exit code: 0 done, 2 nothing to do or not all done, 1 error."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        for name, module in _subcommands().items():
            module.add_arguments(actions.add_parser(name, help=module.HELP))

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            code = _subcommands()[options["action"]].run(options, self.stdout.write)
        except ConsoleError as error:
            pipeline.failed(error)
        if code:
            sys.exit(code)
