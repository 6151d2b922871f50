"""Scores of two annotators by ANSI/AAMI EC57, equal to those of the WFDB software."""
