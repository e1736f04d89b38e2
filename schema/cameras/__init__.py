"""Facts about cameras, as data."""
