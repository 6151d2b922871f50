"""Recurrent layers and their parts, in torch alone; nothing here knows what an ECG is."""
