"""Beats as they come: the state that filters, templates, features and network carry from beat to beat."""
