"""What goodpix stores, and the words for it."""
