"""The class of a beat, alone (N-vs-1) or in its sequence of beats."""
