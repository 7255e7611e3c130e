"""One file a case: `NAMES` and `run(names)`."""
