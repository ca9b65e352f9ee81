"""The inverse of finished changes: what they did, folded by object, against the present state."""
