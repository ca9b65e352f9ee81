"""The bounded HTTP exchange with a broker: deadline, byte limit, no redirects, errors mapped once."""
