"""LightningModules: a network, its loss and its metrics, one step for all three stages."""
