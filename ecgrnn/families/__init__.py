"""Beats of a recording in families, the questions worth asking about them, and what follows from answers."""
