"""List, page, form, API and admin of any kind that has a face."""
