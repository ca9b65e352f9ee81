# The console's image: web, worker and beat differ by their command only (compose.yaml).
# Behind mirrors, or a company's own authority (.env.example tells how compose passes these on):
#   docker build --build-arg PACKAGE_INDEX=https://mirror.example/simple --build-arg CA_CERTIFICATES="$(cat ca.pem)" .
ARG PYTHON_IMAGE=python:3.11-slim

FROM ${PYTHON_IMAGE} AS base
# PEM text of authorities to trust besides Debian's: for the downloads below, and for the brokers that they vouch for.
ARG CA_CERTIFICATES=""
RUN if [ -n "$CA_CERTIFICATES" ]; then \
      printf '%s\n' "$CA_CERTIFICATES" >/usr/local/share/ca-certificates/build.crt && update-ca-certificates; fi

FROM base AS build
ARG PACKAGE_INDEX=""
ARG NPM_REGISTRY=""
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt
WORKDIR /srv/warren
COPY requirements.txt ./
RUN python -m venv --without-pip /opt/venv \
 && pip --python /opt/venv/bin/python install ${PACKAGE_INDEX:+--index-url "$PACKAGE_INDEX"} --no-cache-dir --no-deps --require-hashes -r requirements.txt
COPY . .
# The browser libraries need Node, by pip, only here; collectstatic needs keys, but only to be there.
RUN if [ -n "$PACKAGE_INDEX" ]; then export PIP_INDEX_URL="$PACKAGE_INDEX"; fi \
 && if [ -n "$NPM_REGISTRY" ]; then export npm_config_registry="$NPM_REGISTRY"; fi \
 && PYTHONPATH=/opt/venv/lib/python3.11/site-packages python -m console.local.assets \
 && CONSOLE_STATE_DIR=/srv/warren/state CONSOLE_SECRET_KEY=only-while-building-0123456789abcdef \
    CONSOLE_ENCRYPTION_KEYS=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= \
    /opt/venv/bin/python manage.py collectstatic --no-input --verbosity 0 \
 && rm -rf .local .npmrc package.json package-lock.json requirements.txt requirements-node.txt

FROM base
# Numbers, so that Kubernetes can see that it isn't root (runAsNonRoot). Nothing is installed at run time: no pip.
RUN groupadd --system --gid 10001 warren \
 && useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /srv/warren warren \
 && python -m pip uninstall --yes --quiet pip setuptools wheel \
 && rm -rf /usr/local/lib/python3.11/ensurepip
WORKDIR /srv/warren
COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv/warren /srv/warren
RUN mkdir -p state/celery && chown 10001:10001 state/celery
# Two heaps for all threads: by default glibc gives each its own, and what a large listing took in each stays taken.
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 MALLOC_ARENA_MAX=2 DJANGO_SETTINGS_MODULE=console.settings CONSOLE_STATE_DIR=/srv/warren/state CONSOLE_RUN_DIR=/tmp/warren
USER 10001:10001
EXPOSE 8000
CMD ["gunicorn", "--config", "python:console.web.configuration", "--bind", "0.0.0.0:8000"]
