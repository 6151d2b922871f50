"""Filters, zero-phase and causal, with the change of sampling frequency."""
