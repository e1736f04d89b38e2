"""Good pixels on the grid of a coadd, over whole CCDs and on the sky."""
