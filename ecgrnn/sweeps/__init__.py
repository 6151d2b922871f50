"""Sweeps: a study of many trials, each a training in a process of its own."""
