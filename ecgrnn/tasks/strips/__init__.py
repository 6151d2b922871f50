"""The class or classes of a whole strip (N-vs-1)."""
