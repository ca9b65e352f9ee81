"""What bin/up and bin/test run on one machine: Postgres, RabbitMQ, the supervisor, the demo."""
