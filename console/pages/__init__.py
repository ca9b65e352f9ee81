"""Pages and API over both apps: Fleet, brokers, changes, drift, audit. The top floor."""
