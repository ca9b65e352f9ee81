"""Alert rules as a file: exported, planned and applied."""
