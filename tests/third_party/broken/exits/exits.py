"""Ends the process it is imported in, past every handler."""

import os

os._exit(3)
