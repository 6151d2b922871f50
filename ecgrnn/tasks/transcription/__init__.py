"""A strip read out as its beats (N-vs-M)."""
