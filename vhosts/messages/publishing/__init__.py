"""Publish messages: one from a form or the API, or many from a file; each is sent at most once."""
