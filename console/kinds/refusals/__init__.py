"""What RabbitMQ refuses, by version and plugins: what is known of a broker, and rules that several kinds share."""
