"""Engine processes: one loaded model each, driven by the shell through typed messages."""
