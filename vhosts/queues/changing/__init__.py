"""Create, replace, purge and delete queues: rules, what is lost, form, pages and API."""
