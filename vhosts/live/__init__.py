"""What is connected to a broker now: connections, channels, consumers.

These lists are read when somebody looks, once for all viewers (`reading.py`), and stored until the
next reading, so that pages, API and exports filter and sort them like any other list.
"""
