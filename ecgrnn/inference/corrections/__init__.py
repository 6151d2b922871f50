"""Corrections by a person: read from a file, and made in what was found in a recording."""
