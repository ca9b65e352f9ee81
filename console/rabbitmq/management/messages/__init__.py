"""Messages over the management API."""
