"""The bounded HTTP exchange with a broker: deadline, byte cap, no redirects, errors mapped once."""
