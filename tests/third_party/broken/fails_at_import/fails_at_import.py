"""Raises while it is imported."""

raise RuntimeError("no luck\non the \x1b[31msecond line")
