"""Virtual hosts."""
