"""Subcommands of `manage.py messages`: one module each, found by its place here.

A module has `HELP` (one line), `add_arguments(parser)` and `run(options, write) -> int`: `write`
prints a line, the number is the exit code. ConsoleError ends the command with 1.
"""
