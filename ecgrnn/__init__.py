"""Recurrent neural networks on ECG recordings from PhysioNet: train, evaluate and run them."""

__version__ = "0.1.0"
