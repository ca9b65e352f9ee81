"""Everything declared on a broker, mirrored in Postgres on a slower beat."""
