"""Signal quality: of each beat, and which stretches of a recording cannot be read."""
