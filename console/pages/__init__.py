"""Pages and API over both apps: fleet, brokers, changes, drift, audit log. The top layer."""
