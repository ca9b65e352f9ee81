"""The API of virtual hosts and queues."""
