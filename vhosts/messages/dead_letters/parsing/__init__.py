"""What a dead letter says about itself: its deaths, its exception, the shape of its body. Pure."""
