"""Moon, sun and latitudes of an image at the time of its exposure."""
