"""Beats written from their class (1-vs-N)."""
