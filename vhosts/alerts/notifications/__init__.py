"""From events to messages: grouping, routing, deliveries with retries, the texts and the link to acknowledge."""
