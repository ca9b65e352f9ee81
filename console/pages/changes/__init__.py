"""Pages of changes: the list, one change with its steps."""
