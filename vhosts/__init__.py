"""Virtual hosts and everything in them; polling and history."""
