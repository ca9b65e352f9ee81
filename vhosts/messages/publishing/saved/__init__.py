"""Saved messages: templates of a virtual host, or for all, that fill the form."""
