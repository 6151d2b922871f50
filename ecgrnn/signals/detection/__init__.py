"""QRS complexes found in records and streams, and the places of their marks."""
