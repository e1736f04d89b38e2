"""Program that reads every plane of a tile with ``fitsio.read``: plainread.py PLANES.json."""

import json
import sys
from pathlib import Path

import fitsio

for path, ext in json.loads(Path(sys.argv[1]).read_text()):
    fitsio.read(path, ext=ext)
