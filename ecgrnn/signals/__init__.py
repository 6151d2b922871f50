"""ECG signals and annotations in NumPy: reading, preparing, detecting and simulating; never torch."""
