"""What every loader does on a CUDA machine: `python -m tests.gpu [NAME ...] [--json] [--wheels FOLDER]`.

Needs no network and no model: it makes checkpoints of some megabytes whose sizes suit every engine's kernels, opens
each loader in an engine of its own, and checks loading, answering, the stack against our own GPTQ linear in float32,
removal, speed and memory. It prints one table. Packages that this interpreter lacks are taken from a folder of wheels.
"""
