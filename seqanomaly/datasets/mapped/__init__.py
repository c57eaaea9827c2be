"""Tables larger than memory: converted once to a file that is mapped, not read; see `convert` and `source`."""
