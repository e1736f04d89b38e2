"""The planes of an image, in FITS files."""
