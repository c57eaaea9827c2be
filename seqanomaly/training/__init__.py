"""Training: one loop over a stack of members."""
