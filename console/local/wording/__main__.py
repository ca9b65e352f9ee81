"""python -m console.local.wording [--shrink]

Fails where a text uses a banned phrase that known.txt doesn't list, or where known.txt lists one that
is gone. --shrink removes those that are gone and adds none; without known.txt it lists all there are.
"""

from __future__ import annotations

import sys
from pathlib import Path

from console.local.wording.check import (
    KNOWN,
    counted,
    files_of,
    gone_uses,
    new_uses,
    read_known,
    uses_in,
    write_known,
)


def main(arguments: list[str], root: Path, known_at: Path = KNOWN) -> int:
    """Return 0 if nothing needs to be done, 1 if something does, 2 for wrong arguments."""
    if arguments not in ([], ["--shrink"]):
        print(__doc__, file=sys.stderr)
        return 2
    uses = [use for path in files_of(root) for use in uses_in(root, path)]
    if arguments:
        first = not known_at.is_file()
        write_known(counted(uses) if first else read_known(known_at) & counted(uses), known_at)
    known = read_known(known_at)
    new, gone = new_uses(uses, known), gone_uses(uses, known)
    for use in new:
        print(use)
    if gone:
        print(f"{gone.total()} known uses are gone. Run: python -m console.local.wording --shrink")
    return 1 if new or gone else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Path(__file__).resolve().parents[3]))
