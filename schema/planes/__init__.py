"""Planes of images in FITS files."""
