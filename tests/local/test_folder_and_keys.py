from __future__ import annotations

import os
import subprocess
import sys

import pytest
from cryptography.fernet import Fernet

from console.local.folder import CHECKOUT, StateFolder
from console.local.keys import MAKERS, Keys, write_credentials
from console.local.trouble import Trouble


def mode(path):
    return path.stat().st_mode & 0o777


def test_the_folder_and_its_secrets_are_the_owners_only(folder):
    os.umask(0o022)
    Keys(folder)
    write_credentials(folder, {"CONSOLE_PASSWORD": "x"})
    assert mode(folder.path) == 0o700
    assert mode(folder / "secrets.json") == 0o600
    assert mode(folder / "credentials.env") == 0o600


def test_keys_are_made_once(folder):
    first = Keys(folder)
    second = Keys(folder)
    assert all(first[name] == second[name] for name in MAKERS)
    assert len(first["secret_key"]) >= 32
    Fernet(first["encryption_key"])
    assert (
        len({first[name] for name in ("secret_key", "postgres_password", "rabbitmq_cookie")}) == 3
    )


def test_damaged_secrets_are_not_replaced_by_new_ones(folder):
    (folder / "secrets.json").write_text("{")
    with pytest.raises(Trouble, match="damaged"):
        Keys(folder)
    assert (folder / "secrets.json").read_text() == "{"


def test_a_shell_reads_the_credentials_as_they_were_written(folder):
    value = "a b$(id)'\"\\ü"
    write_credentials(folder, {"CONSOLE_PASSWORD": value})
    shell = subprocess.run(
        ["sh", "-c", '. "$1"; printf %s "$CONSOLE_PASSWORD"', "sh", folder / "credentials.env"],
        capture_output=True,
        check=True,
    )
    assert shell.stdout.decode() == value


def test_a_write_that_fails_leaves_the_old_file_and_no_remains(folder, monkeypatch):
    folder.write_text("file", "old")

    def full(fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        folder.write_text("file", "new")
    assert (folder / "file").read_text() == "old"
    assert sorted(path.name for path in folder.path.iterdir()) == ["file", "log"]


def test_one_process_at_a_time_holds_the_folder_even_after_a_kill(folder):
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, pathlib, time; from console.local.folder import StateFolder\n"
            "folder = StateFolder(pathlib.Path(sys.argv[1])); print(folder.lock(), flush=True)\n"
            "time.sleep(60)",
            str(folder.path),
        ],
        stdout=subprocess.PIPE,
        cwd=CHECKOUT,
    )
    try:
        assert holder.stdout.readline() == b"True\n"
        assert not folder.lock()
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    assert folder.lock()
    folder.unlock()


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Trouble, match="Can't write to"):
        StateFolder(tmp_path / "file" / "state").make()
