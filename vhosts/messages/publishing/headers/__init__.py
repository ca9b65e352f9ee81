"""Headers with exact AMQP types: from JSON, from what is typed, and back."""
