"""Settings of the REST API."""

from __future__ import annotations

from typing import Any

from console.settings.env import env_int

REST_FRAMEWORK: dict[str, Any] = {
    # Token first: programs understand its "401 with WWW-Authenticate: Bearer".
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accessctl.rest.authentication.ApiTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    # Denied by default: nobody may use a view whose action names no permission.
    "DEFAULT_PERMISSION_CLASSES": ["accessctl.rest.rights.MayUse"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["console.faces.rest.parsers.StrictJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "console.faces.rest.pagination.PageNumbers",
    "DEFAULT_FILTER_BACKENDS": [
        "django_filters.rest_framework.DjangoFilterBackend",
        "console.faces.rest.ordering.AllowedOrdering",
    ],
    "DEFAULT_THROTTLE_CLASSES": [
        "console.faces.rest.throttles.PerUser",
        "console.faces.rest.throttles.PerAddress",
    ],
    "DEFAULT_THROTTLE_RATES": {
        "user": f"{env_int('CONSOLE_API_REQUESTS_PER_MINUTE', 1200, least=1)}/min",
        "anon": "60/min",
        "probes": "30/min",
    },
    "DEFAULT_SCHEMA_CLASS": "console.faces.rest.schema.ApiSchema",
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "URL_FORMAT_OVERRIDE": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
DRF_STANDARDIZED_ERRORS = {
    "EXCEPTION_HANDLER_CLASS": "console.faces.rest.problems.ProblemHandler",
    "EXCEPTION_FORMATTER_CLASS": "console.faces.rest.problems.ProblemFormatter",
    "ENABLE_IN_DEBUG_FOR_UNHANDLED_EXCEPTIONS": True,
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Warren",
    "DESCRIPTION": (
        "Manage fleets of RabbitMQ brokers: their objects, their queue depths and the history.\n\n"
        "Authenticate with `Authorization: Bearer wrn_…`. Every figure has a time next to it. An "
        "unknown figure is null, never zero. See docs/api.md for examples."
    ),
    "VERSION": "1",
    "LICENSE": {"name": "Apache-2.0"},
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "AlertChannelKindEnum": "vhosts.alerts.channels.model.ChannelKind",
        "SeverityEnum": "vhosts.alerts.tables.choices.Severity",
        "ChangeStateEnum": "console.models.ChangeState",
        "EnvironmentEnum": "console.models.Environment",
        "StepStateEnum": "console.models.StepState",
        "ProbeStepOutcomeEnum": "console.rabbitmq.findings.OUTCOMES",
        "MessageJobModeEnum": "vhosts.messages.moving.model.MessageJob.Mode",
        "RouteKindEnum": "vhosts.routing.api.KINDS",
        "RouteOutcomeEnum": "vhosts.routing.api.OUTCOMES",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "console.faces.rest.schema.queries_as_read",
    ],
}
