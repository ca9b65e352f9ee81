from django.apps import AppConfig


class VhostsConfig(AppConfig):
    name = "vhosts"
    verbose_name = "Virtual hosts"
