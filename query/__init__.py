"""Read-only access to masks and statistics."""
