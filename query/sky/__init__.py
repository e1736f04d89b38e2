"""Places on the sky: which epochs saw them, and which pixels they are."""
