"""The Django admin's site and its acts: the same plan, change and read-back as the pages."""
