"""Splits by patient: published, seeded, or written in a file."""
