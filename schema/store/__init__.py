"""The files of a masks root, in a folder or an object store."""
