"""What keeps workers and beat going: the schedule, signs of life, the file transport."""
