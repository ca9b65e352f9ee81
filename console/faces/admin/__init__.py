"""The Django admin site and its operations: the same plan, change and read-back as the pages."""
