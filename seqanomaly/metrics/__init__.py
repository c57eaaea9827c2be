"""Metrics of scored steps, by bucket and by step."""
