"""What another program's folder holds: models and adapters in their places, presets and templates in its own words."""
