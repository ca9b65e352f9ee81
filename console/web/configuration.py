"""Settings of the web server.

gunicorn reads this file (`gunicorn --config python:console.web.configuration --bind …`). bin/up,
the image and compose all start it so. docs/operations.md explains the limits.
"""

from __future__ import annotations

import os

wsgi_app = "console.wsgi:application"
worker_class = "console.web.worker.Worker"
workers = 2
threads = 8
#: Most connections of one process. Beyond that, the one that has been sending its request longest
#: is closed.
worker_connections = 500
#: Seconds after which a process whose loop doesn't run is replaced.
timeout = 30
# Loaded once and shared: starts in half the time, with less memory.
preload_app = True
# Its default path may be too long for a socket.
control_socket_disable = True
logger_class = "console.settings.gunicorn_logs.JsonLogger"
loglevel = "warning"
# The sign of life of each process is a file. On a slow disk, it would say nothing about the
# process.
if os.path.isdir("/dev/shm") and os.access("/dev/shm", os.W_OK):  # noqa: S108 – gunicorn makes the file unique
    worker_tmp_dir = "/dev/shm"  # noqa: S108
