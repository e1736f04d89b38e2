"""From the planes of a coadd or an epoch to its mask."""
