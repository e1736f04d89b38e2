"""Detection of changes in the input files of masks."""
