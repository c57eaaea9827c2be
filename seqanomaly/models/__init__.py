"""Detectors: causal models over a stack of members, and their configurations."""
