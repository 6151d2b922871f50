"""P, QRS and T waves of every lead (N-vs-N)."""
