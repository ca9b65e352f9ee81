"""The API of brokers, changes, drift, plans and the audit log."""
