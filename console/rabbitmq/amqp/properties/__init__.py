"""Properties and headers of messages, byte for byte."""
