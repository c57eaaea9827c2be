"""Sequential anomaly detection with counter-modulated losses: train, compare, and trust the table."""

__version__ = "0.1.0"
