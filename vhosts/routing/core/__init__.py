"""The router itself: pure functions over a topology made of plain data, without Django and I/O."""
