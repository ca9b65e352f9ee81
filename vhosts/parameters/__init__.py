"""Runtime parameters: what their kinds share, and those without a kind of their own."""
