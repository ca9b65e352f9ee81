"""/livez, /readyz and /metrics: what orchestrators and monitoring read."""
