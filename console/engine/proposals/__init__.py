"""From a request to a plan that can be shown and accepted, and the sync status of each object
meanwhile."""
