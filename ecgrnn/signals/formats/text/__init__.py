"""Recordings in text: tables of numbers, and the exports of devices that write such."""
