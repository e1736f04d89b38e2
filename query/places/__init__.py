"""Places on the sky: blank ones, and random ones."""
