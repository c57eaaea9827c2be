"""The compiled kernel: whole sequences forward and backward, one member at a time; optional, see `library`."""
