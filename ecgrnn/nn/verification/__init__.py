"""The proof that the layers compute what they say; only the command `verify` imports it."""
