"""Facts about the house, each under its own name."""
