"""Scores as pure functions and as torchmetrics: EC57 beats and episodes, delineation, uncertainty."""
