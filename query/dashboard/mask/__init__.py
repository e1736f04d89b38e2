"""One mask, as the dashboard shows it."""
