"""Search over everything: objects of all kinds on all brokers, brokers, pages, commands, people and
recent changes. `find` returns groups of hits; the page, the palette and the API show them."""
