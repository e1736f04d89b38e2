"""Mask files: all masks of one tile and band, in Parquet."""

from .layout import LIST_ENCODING, MASK_SCHEMA
from .reader import MaskFile
from .writer import MaskFileWriter

__all__ = ["LIST_ENCODING", "MASK_SCHEMA", "MaskFile", "MaskFileWriter"]
