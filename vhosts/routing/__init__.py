"""Where a message goes: the router, its page, its API and the checks of `manage.py routes`."""
