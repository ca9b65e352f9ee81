"""Settings of Warren, all from the environment; docs/settings.md lists them.

The system checks in console/settings/checks.py report misconfiguration with a hint.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from csp.constants import NONE, SELF

from console.settings.env import (
    SCHEME_KEY,
    env,
    env_bool,
    env_int,
    env_list,
    env_path,
    env_proxies,
    env_str,
    refuse_gone,
)

BASE_DIR = Path(__file__).resolve().parents[2]
#: What this machine stores: generated secrets, the embedded database, logs, the file queue.
STATE_DIR = env_path("CONSOLE_STATE_DIR", BASE_DIR / ".local")
VERSION = "0.1.0"

DEBUG = env_bool("CONSOLE_DEBUG", False)
SECRET_KEY = env_str("CONSOLE_SECRET_KEY")
#: Fernet keys for broker credentials: the first encrypts, all decrypt.
ENCRYPTION_KEYS = env_list("CONSOLE_ENCRYPTION_KEYS")
CONSOLE_URL = env_str("CONSOLE_URL", "http://127.0.0.1:8000").rstrip("/")
ALLOWED_HOSTS = env_list("CONSOLE_ALLOWED_HOSTS") or [
    *("127.0.0.1", "localhost", "[::1]"),
    *filter(None, [urlsplit(CONSOLE_URL).hostname]),
]

# --- Which addresses a broker may have (docs/settings.md#addresses) ---
ALLOW_LOOPBACK_BROKERS = env_bool("CONSOLE_ALLOW_LOOPBACK_BROKERS", False)
ALLOW_PRIVATE_BROKERS = env_bool("CONSOLE_ALLOW_PRIVATE_BROKERS", True)

# --- Polling and history ---
POLL_INTERVAL_DEFAULT_S = env_int("CONSOLE_POLL_INTERVAL_S", 10, least=5, most=3600)
INVENTORY_INTERVAL_S = env_int("CONSOLE_INVENTORY_INTERVAL_S", 60, least=15, most=86400)
KEEP_SNAPSHOTS_DAYS = env_int("CONSOLE_KEEP_SNAPSHOTS_DAYS", 8, least=2, most=366)
KEEP_RATES_DAYS = env_int("CONSOLE_KEEP_RATES_DAYS", 2, least=2, most=366)
KEEP_ROLLUPS_5M_DAYS = env_int("CONSOLE_KEEP_ROLLUPS_5M_DAYS", 62, least=2, most=3660)
KEEP_ROLLUPS_1H_DAYS = env_int("CONSOLE_KEEP_ROLLUPS_1H_DAYS", 732, least=2, most=36600)
BACKUP_HOURS = env_int("CONSOLE_BACKUP_HOURS", 24, least=0, most=8760)
KEEP_BACKUPS_DAYS = env_int("CONSOLE_KEEP_BACKUPS_DAYS", 32, least=1, most=36600)
KEEP_GONE_OBJECTS_DAYS = env_int("CONSOLE_KEEP_GONE_OBJECTS_DAYS", 32, least=1, most=3660)
ALIVE_URL = env_str("CONSOLE_ALIVE_URL").strip()  # A secret: it may contain a token.

# --- Access ---
CONTACT = env_str("CONSOLE_CONTACT")[:200].rstrip(".")  # For people without rights.

# Rules for clear passwords of RabbitMQ users set here; see accessctl.passwords.policy.
BROKER_PASSWORD_LENGTH = env_int("CONSOLE_BROKER_PASSWORD_LENGTH", 0, least=0, most=256)
BROKER_PASSWORD_CLASSES = env_int("CONSOLE_BROKER_PASSWORD_CLASSES", 0, least=0, most=4)
BROKER_PASSWORD_REFUSE_COMMON = env_bool("CONSOLE_BROKER_PASSWORD_REFUSE_COMMON", False)

#: Whether anyone can read /metrics; otherwise it needs a superuser's token or session.
METRICS_OPEN = env_bool("CONSOLE_METRICS_OPEN", False)
#: Patterns of names of queues with metrics of their own in /metrics; `*` matches any characters.
METRICS_QUEUES = env_list("CONSOLE_METRICS_QUEUES")
METRICS_QUEUES_MOST = env_int("CONSOLE_METRICS_QUEUES_MOST", 10_000, least=1, most=200_000)

INSTALLED_APPS = [
    "console.apps.ConsoleConfig",
    "accessctl.apps.AccessctlConfig",
    "vhosts.apps.VhostsConfig",
    "console.apps.WarrenAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    *("allauth.mfa", "allauth.socialaccount"),
    "allauth.socialaccount.providers.openid_connect",
    "csp",
    "django_filters",
    "django_htmx",
    "django_structlog",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "heroicons",
    "rest_framework",
]
MIDDLEWARE = [
    "console.health.views.AnyHostMiddleware",
    "console.client_address.ClientAddressMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "console.faces.rest.middleware.ApiProblemMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "console.faces.pages.compress.CompressMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "console.faces.pages.middleware.DatabaseOutageMiddleware",
    "accessctl.middleware.SessionMiddleware",
    # Denied by default: a view is public only with @login_not_required.
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "console.faces.pages.refusals.RefusalMiddleware",
    "console.faces.pages.middleware.NoStoreMiddleware",
]
ROOT_URLCONF = "console.urls"
WSGI_APPLICATION = "console.wsgi.application"
ASGI_APPLICATION = "console.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "console.pages.context.frame",
            ],
            "libraries": {
                name: f"console.faces.templatetags.{name}"
                for name in ("found", "next_steps", "warren")
            },
        },
    },
]

# --- Database: Postgres only ---
DATABASES = {
    "default": {
        **env.db_url("DATABASE_URL", default="postgres://console@127.0.0.1:5432/console"),
        "CONN_MAX_AGE": env_int("CONSOLE_DB_CONN_MAX_AGE_S", 60),
        "CONN_HEALTH_CHECKS": True,
    }
}
#: The owner of the tables, for `migrate` only; None: the console's role owns them.
DATABASE_OWNER = env.db_url("DATABASE_OWNER_URL") if env_str("DATABASE_OWNER_URL") else None
DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)
DATABASES["default"]["OPTIONS"].setdefault("application_name", "warren")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "console_cache",
        # The default of 300 would let a flood of guesses evict the counts of failed sign-ins.
        "OPTIONS": {"MAX_ENTRIES": 20_000},
    },
}

# --- People ---
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "fleet"
LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_ADAPTER = "accessctl.people.adapters.ClosedAccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_FORMS = {"change_password": "accessctl.people.forms.OwnPasswordForm"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = False
#: accessctl.sessions.guessing defines what counts where. Nothing else limits sign-in: allauth's own
#: limits would also block a known browser.
ACCOUNT_RATE_LIMITS = {
    "login": None,
    "login_failed": None,
    "login_address": "10/m/ip",
    "login_address_and_account": "5/300s/key,20/h/key",
    "login_account_password": "100/h/key",
    "login_account_code": "50/h/key",
    "login_device": "10/300s/key",
}
SESSION_ENGINE = "accessctl.sessions.store"
SESSION_LASTS = timedelta(hours=env_int("CONSOLE_SESSION_HOURS", 12, least=1, most=720))
SESSION_IDLE = timedelta(minutes=env_int("CONSOLE_SESSION_IDLE_MINUTES", 30, least=1, most=43200))
SESSION_COOKIE_AGE = int(SESSION_LASTS.total_seconds())
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"

# --- Transport security: enabled if the console is served over https ---
_HTTPS = CONSOLE_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _HTTPS
SECURE_SSL_REDIRECT = False  # done by the reverse proxy; a redirect here would break health checks
SECURE_HSTS_SECONDS = 31_536_000 if _HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = False
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_TRUSTED_ORIGINS = [CONSOLE_URL]
#: Networks whose X-Forwarded-For and X-Forwarded-Proto count (console/client_address.py).
TRUSTED_PROXIES = env_proxies("CONSOLE_TRUSTED_PROXIES")
# It trusted every peer. If an upgrade only ignored it, everybody would appear to be the proxy.
refuse_gone(
    "CONSOLE_TRUST_PROXY",
    "Set CONSOLE_TRUSTED_PROXIES instead to the addresses that your reverse proxies connect from, such "
    "as 127.0.0.1 or 10.0.0.0/24.",
)
SECURE_PROXY_SSL_HEADER = (SCHEME_KEY, "https")
CONTENT_SECURITY_POLICY = {
    "EXCLUDE_URL_PREFIXES": (),
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    },
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
DATA_UPLOAD_MAX_NUMBER_FIELDS = 500
FILE_UPLOAD_HANDLERS = [
    "console.faces.pages.uploads.CappedUploadHandler",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

# --- Language and time ---
LANGUAGE_CODE = "en-us"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

# --- Static files ---
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = STATE_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG or env_bool("CONSOLE_PLAIN_STATIC", False)
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
# Compression takes most of collectstatic's time, so only files under their hashed names are kept.
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = ("map", "png", "svg", "ico", "woff", "woff2", "gz", "br")
WHITENOISE_USE_FINDERS = DEBUG or env_bool("CONSOLE_PLAIN_STATIC", False)

# --- Celery ---
CELERY_BROKER_URL = env_str("CELERY_BROKER_URL", "filesystem://")
_QUEUE_DIR = STATE_DIR / "celery"
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, object] = (
    {
        "data_folder_in": str(_QUEUE_DIR / "queue"),
        "data_folder_out": str(_QUEUE_DIR / "queue"),
        "control_folder": str(_QUEUE_DIR / "control"),
        "processed_folder": str(_QUEUE_DIR / "processed"),
        "store_processed": False,
    }
    if CELERY_BROKER_URL.startswith("filesystem:")
    else {"visibility_timeout": 3600}
)

from console.settings.api import *  # noqa: E402, F403
from console.settings.login import *  # noqa: E402, F403
from console.settings.logs import *  # noqa: E402, F403
from console.settings.tasks import *  # noqa: E402, F403
