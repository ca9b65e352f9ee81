"""Look at the messages of a queue: for somebody who wants to see them, or to group them."""
