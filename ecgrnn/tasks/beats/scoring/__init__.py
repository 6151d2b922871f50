"""A beat classifier scored on held-out records."""
