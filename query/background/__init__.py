"""Studies of the sky background over good pixels."""
