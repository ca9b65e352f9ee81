"""What is wrong with a queue: its conditions by harm, the verdict of its page, and the forecast until its limit."""
