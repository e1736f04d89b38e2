"""Masks of coadds and epochs, made from their image planes."""
