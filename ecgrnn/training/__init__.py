"""What holds a training together: checkpoints, interruption, seeds and the file of metrics."""
