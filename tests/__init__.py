"""The tests. A package, so that `tests/datasets` doesn't pass for the library of that name."""
