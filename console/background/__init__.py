"""Keep workers and beat running: the schedule, signs of life, message transports."""
