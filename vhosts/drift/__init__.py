"""What differs from the desired state, and what is unmanaged: restore, accept, adopt."""
