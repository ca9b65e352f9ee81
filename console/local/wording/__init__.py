"""Keeps banned phrases out of templates, messages and docs. `python -m console.local.wording` runs it."""
