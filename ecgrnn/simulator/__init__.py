"""Simulated patients with known beats and waves, and records replayed in other rhythms."""
