"""Maps of good pixels: per coadd, per CCD and on the sky."""
