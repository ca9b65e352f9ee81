"""Noise: patterns of queues that lists, history and totals leave out and count separately."""
