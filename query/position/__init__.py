"""Search for the epochs that observed positions on the sky."""
