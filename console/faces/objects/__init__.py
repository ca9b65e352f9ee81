"""List, page, form, API and administration of any kind that has a face."""
