"""Fetching models and adapters from the hub: verified, resumable, and in the library only when whole."""
