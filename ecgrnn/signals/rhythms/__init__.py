"""Episodes of rhythm, from the beats of a recording, their classes, and what of it could be read."""
