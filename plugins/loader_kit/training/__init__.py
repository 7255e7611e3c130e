"""Training an adapter on any torch model: rows to tokens, the step, the run, checkpoints, evaluation."""
