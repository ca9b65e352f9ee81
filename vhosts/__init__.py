"""Virtual hosts and all that lives in one; polling and history."""
