"""The catalogue of databases."""
