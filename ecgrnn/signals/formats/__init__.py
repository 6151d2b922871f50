"""Readers and writers of recordings, one for each kind of file."""
