"""Imported by a warmed engine."""
