"""/livez, /readyz and /metrics, which orchestrators and monitoring read."""
