"""What Fleet shows beside its table: tiles with the last hour, the last changes, and how dense it is."""
