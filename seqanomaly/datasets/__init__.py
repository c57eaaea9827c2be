"""Data sets: from a file or a random generator to whole sequences, split by sequence."""
