from django.apps import AppConfig


class AccessctlConfig(AppConfig):
    name = "accessctl"
    verbose_name = "Access"

    def ready(self) -> None:
        from accessctl.people import signals  # noqa: F401 – connects the receivers
