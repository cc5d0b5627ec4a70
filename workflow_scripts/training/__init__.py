"""The training loop: schedule, checkpoints, history."""
