"""What the program must reach, measured: `python -m tests.benchmarks [NAME ...] [--json]`.

Each file in `cases/` measures one thing, or a few that share a model. A case is a module with `NAMES`, keys of the
table in `budgets.py`, and `run(names)`, a generator of `Result`s; importing it must cost nothing. To add one, write the
file. The baseline is measured in the same run, both sides by turns, and the medians are compared: on a busy machine the
figures drift, the ratios hold.
"""
