"""From what somebody asks to a plan that can be shown and accepted, and what is known of each object meanwhile."""
