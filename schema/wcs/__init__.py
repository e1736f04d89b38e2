"""The celestial coordinates of images: from headers, to pixels and back."""
