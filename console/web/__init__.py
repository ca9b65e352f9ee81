"""The web server: gunicorn's threads behind a loop that reads complete requests and refuses what
can't be served in time."""
