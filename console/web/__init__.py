"""The web server: gunicorn's threads behind a loop that reads requests whole and sheds what can't be served in time."""
