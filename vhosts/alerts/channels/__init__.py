"""Where alerts are sent: channels, their kinds and forms, and the guarded process that sends by Apprise."""
