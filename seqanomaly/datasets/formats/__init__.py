"""File formats, a file per format."""
