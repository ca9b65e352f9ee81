"""What the page, the export and the API list: queues, groups, figures, jobs. No broker is called."""
