"""The only thread boundary of the window: blocking calls on QThreads, Qt signals out."""
