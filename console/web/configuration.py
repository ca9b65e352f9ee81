"""How the web server runs. gunicorn reads this file (`gunicorn --config python:console.web.configuration --bind …`),
started by bin/up, the image and compose alike. docs/operations.md explains the limits."""

from __future__ import annotations

import os

wsgi_app = "console.wsgi:application"
worker_class = "console.web.worker.Worker"
workers = 2
threads = 8
#: Connections of one process; past it, the one that has been sending its request for longest is closed.
worker_connections = 500
#: Seconds after which a process whose loop doesn't turn is replaced.
timeout = 30
# Loaded once and shared: half the time to start, and less memory.
preload_app = True
# It would be put where its path may be too long for a socket.
control_socket_disable = True
logger_class = "console.settings.gunicorn_logs.JsonLogger"
loglevel = "warning"
# The sign of life of each process is a file; on a slow disk it would say nothing of the process.
if os.path.isdir("/dev/shm") and os.access("/dev/shm", os.W_OK):  # noqa: S108 – gunicorn makes the file unique
    worker_tmp_dir = "/dev/shm"  # noqa: S108
