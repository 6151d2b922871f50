"""One short file per command word; each narrates what its command does."""
