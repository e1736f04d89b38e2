"""Modules that the server of worker processes imports once, before it forks them."""

import numpy as np

from ...schema.masks.rle import encode
from . import parallel

__all__ = ["parallel"]

# running a first kernel loads the compiler, which takes as long as all imports
encode(np.zeros((1, 1), np.int64))
