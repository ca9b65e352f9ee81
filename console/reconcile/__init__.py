"""Compare the desired state of a broker with its observed state, as pure data. No Django, no
I/O."""
