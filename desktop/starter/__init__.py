"""The starter model and its adapter: something to try on a machine that has no model yet."""
