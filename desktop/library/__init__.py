"""What is on disk: the home folder, settings, models and adapters."""
