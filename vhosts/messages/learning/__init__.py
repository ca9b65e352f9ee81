"""Examples of how RabbitMQ routes, to try out in the browser.

`objects.py` names what they need on a broker (bin/up --demo declares the same), `examples.py` has the texts, `code.py`
the programs in pika, `pictures.py` draws, `install.py` creates and removes the objects, `workers.py` consumes.
"""
