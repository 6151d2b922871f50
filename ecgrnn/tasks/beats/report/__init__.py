"""The report of a beat classifier."""
