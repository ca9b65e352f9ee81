# The console's image: web, worker and beat differ by their command only (compose.yaml).
FROM python:3.11-slim AS build
WORKDIR /srv/warren
COPY requirements.txt requirements-node.txt ./
RUN python -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements.txt
COPY . .
# The browser libraries need Node only here; collectstatic needs keys, but only to be there.
RUN /opt/venv/bin/python -m console.local.assets \
 && CONSOLE_STATE_DIR=/srv/warren/state CONSOLE_SECRET_KEY=only-while-building-0123456789abcdef \
    CONSOLE_ENCRYPTION_KEYS=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= \
    /opt/venv/bin/python manage.py collectstatic --no-input --verbosity 0 \
 && rm -rf .local

FROM python:3.11-slim
# The brokers' certificates are checked against the system's trust store.
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /srv/warren warren
WORKDIR /srv/warren
COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv/warren /srv/warren
RUN mkdir -p state/celery && chown warren state/celery
# Two heaps for all threads: by default glibc gives each its own, and what a large listing took in each stays taken.
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 MALLOC_ARENA_MAX=2 DJANGO_SETTINGS_MODULE=console.settings CONSOLE_STATE_DIR=/srv/warren/state CONSOLE_RUN_DIR=/tmp/warren
USER warren
EXPOSE 8000
CMD ["gunicorn", "console.wsgi:application", "--bind", "0.0.0.0:8000", "--worker-class", "gthread", "--workers", "2", "--threads", "8", "--no-control-socket", "--logger-class", "console.settings.gunicorn_logs.JsonLogger", "--worker-tmp-dir", "/dev/shm"]
