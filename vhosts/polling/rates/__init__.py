"""Rates of queues and exchanges, from the counters that a poll's scrape has beside the depths."""
