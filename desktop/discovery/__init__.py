"""Finding loader plugins and choosing among them. Plugins run in describer processes; the shell sees data."""
