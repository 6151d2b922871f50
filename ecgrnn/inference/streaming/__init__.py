"""Beats as they come: samples of any source in, annotations out, with bounded delay and memory."""
