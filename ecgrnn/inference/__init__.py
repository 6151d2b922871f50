"""Trained models at work on records, without Trainer and without Hydra: usable from a notebook."""
