"""Browser sessions of the console."""
