"""What RabbitMQ refuses, by version and plugins: known facts of a broker, and rules that several
kinds share."""
