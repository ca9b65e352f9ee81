"""Warren: a web console for fleets of RabbitMQ brokers."""

from console.celery import app as celery_app

__all__ = ["celery_app"]
