"""Sums and types of what a database holds, which SQLite does not check."""
