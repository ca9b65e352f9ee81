"""`manage.py routes check FILE`: check where messages go against expectations in a file.

Against a broker as last seen (--broker), or a definitions file (--definitions), which needs neither a
broker nor the database. Exit code 0: all as expected; 2: some aren't; 1: an error.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accessctl.authorize import require
from accessctl.rights import Permission
from console.errors import ConsoleError
from console.management import pipeline
from console.reconcile.definitions.text import NotDefinitions
from vhosts.routing import cases
from vhosts.routing.core.topology import Topology
from vhosts.routing.from_file import read_file, topology_in
from vhosts.routing.mirror import topology_of
from vhosts.routing.report import FORMATS

_DIFFERENT = 2


class Command(BaseCommand):
    help = "Check where messages go. Exit code: 0 as expected, 2 different, 1 error."
    #: A definitions file can be checked where there is no database.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        check = actions.add_parser("check", help="compare a file's expectations with what is there")
        check.add_argument("file", help="expectations as YAML or JSON; - reads standard input")
        pipeline.add_place(check)
        check.add_argument(
            "--definitions", metavar="FILE", help="check this definitions file, not a broker"
        )
        check.add_argument("--format", choices=sorted(FORMATS), default="text")
        check.add_argument("--output", metavar="FILE", help="write the result there")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["definitions"] and options["broker"]:
            raise CommandError("Use either --broker or --definitions.")
        try:
            known = cases.read_cases(pipeline.read_input(options["file"]), options["vhost"] or "/")
            outcomes = cases.check(known, self._topologies(options))
        except cases.BadCases as error:
            raise CommandError(f"{options['file']}: {error}") from None
        except NotDefinitions as error:
            raise CommandError(f"{options['definitions']}: {error}") from None
        except ConsoleError as error:
            pipeline.failed(error)
        text = FORMATS[options["format"]](outcomes)
        if options["output"]:
            try:
                Path(options["output"]).write_text(text)
            except OSError as error:
                raise CommandError(f"Can't write {options['output']}: {error.strerror}.") from None
        else:
            self.stdout.write(text, ending="")
        if not all(one.held for one in outcomes):
            sys.exit(_DIFFERENT)

    def _topologies(self, options: dict[str, Any]) -> Callable[[str], Topology]:
        """Return what gives the topology of a virtual host. Each is read once."""
        read: dict[str, Topology] = {}
        find = self._in_file(options) if options["definitions"] else self._seen(options)

        def topology(vhost: str) -> Topology:
            if vhost not in read:
                read[vhost] = find(vhost)
                if read[vhost].incomplete:
                    raise CommandError("Can't be checked. " + " ".join(read[vhost].incomplete))
            return read[vhost]

        return topology

    def _in_file(self, options: dict[str, Any]) -> Callable[[str], Topology]:
        body = pipeline.read_input(options["definitions"])

        def topology(vhost: str) -> Topology:
            definitions = read_file(body, vhost)
            return topology_in(definitions, vhost)

        return topology

    def _seen(self, options: dict[str, Any]) -> Callable[[str], Topology]:
        user = pipeline.actor(options["acting"])
        broker = pipeline.broker_named(options["broker"], user)

        def topology(vhost: str) -> Topology:
            require(user, Permission.QUEUES_VIEW, broker, vhost)
            return topology_of(broker, vhost)

        return topology
