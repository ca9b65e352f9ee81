"""`plan`, `apply` and `export` of a folder: broker after broker, with one exit code for all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandError
from django.utils import timezone

from console.engine.proposal import Source
from console.errors import ConsoleError
from console.management import pipeline
from console.models import Broker
from vhosts.definitions.folder.names import name_of, stem_of
from vhosts.definitions.folder.plan import plan_folder
from vhosts.definitions.folder.read import brokers_in
from vhosts.definitions.folder.source import source_of
from vhosts.definitions.import_file import ImportPlan

#: What only files have.
_FILE_ONLY = ("source_vhost", "transform")


def is_folder(name: str) -> bool:
    return name != "-" and Path(name).is_dir()


def refuse_options_of_folders(options: dict[str, Any]) -> None:
    """Raises CommandError for options that only a folder has."""
    if options["source"] or options["revision"] or options["take_over"]:
        raise CommandError("--source, --revision and --take-over are for folders.")
    if options["prune"] == "all":
        raise CommandError("--prune=all is for folders.")


def source(options: dict[str, Any]) -> Source:
    """Return the folder as owner. Raises CommandError."""
    for name in _FILE_ONLY:
        if options[name]:
            raise CommandError(f"--{name.replace('_', '-')} is for files, not for folders.")
    try:
        return source_of(
            Path(options["file"]), name=options["source"], revision=options["revision"]
        )
    except ConsoleError as error:
        pipeline.failed(error)


def plans(
    options: dict[str, Any], owner: Source, user: User, failed: Callable[[str], None]
) -> Iterator[ImportPlan]:
    """Yield the plan of each broker. Trouble of one is reported to `failed`, and the others still
    follow. Raises CommandError if there is no broker."""
    root = Path(options["file"])
    for broker in _brokers(root, options["broker"], user):
        try:
            yield plan_folder(
                root,
                broker=broker,
                source=owner,
                options=replace(pipeline.options_of(options), prune=False),
                prune=options["prune"],
                take_over=options["take_over"],
                acting_user=user,
                now=timezone.now(),
            )
        except ConsoleError as error:
            failed(f"{broker.name}: {error.message}")


def _brokers(root: Path, name: str | None, user: User) -> list[Broker]:
    """Return the named broker, or those that have a folder."""
    if name is not None:
        return [pipeline.broker_named(name, user)]
    stems = brokers_in(root)
    if not stems:
        raise CommandError(f"{root} has no folder of a broker. Export one first.")
    # By the brokers' names, because a long one can't be read from its folder.
    known = {stem_of(one.name): one for one in Broker.objects.visible_to(user)}
    return [
        known[stem] if stem in known else pipeline.broker_named(name_of(stem) or stem, user)
        for stem in stems
    ]
