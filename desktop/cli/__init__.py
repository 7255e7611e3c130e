"""The command line: whatever the program can do without a screen."""
