"""Build backend: setuptools, with editable installs that static type checkers see.

The checkout's root is the package, so setuptools installs it as an import hook, which mypy and pyright do not run. A
folder on the path that holds a link named `goodpix` is plain to them.
"""

import base64
import hashlib
import zipfile
from pathlib import Path

from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F403  # the other hooks of a build backend

CHECKOUT = Path(__file__).resolve().parents[1]
FOLDER = CHECKOUT / ".editable"


def build_editable(
    wheel_directory: str, config_settings: dict[str, str] | None = None, metadata_directory: str | None = None
) -> str:
    """Build setuptools' editable wheel and add a path file to it; return its name."""
    name = build_meta.build_editable(wheel_directory, config_settings, metadata_directory)
    FOLDER.mkdir(exist_ok=True)
    link = FOLDER / "goodpix"
    link.unlink(missing_ok=True)
    link.symlink_to("..", target_is_directory=True)
    _add(Path(wheel_directory) / name, "goodpix_checkout.pth", f"{FOLDER}\n".encode())
    return name


def _add(wheel: Path, name: str, content: bytes) -> None:
    """Add a file to a wheel, and to its list of files."""
    with zipfile.ZipFile(wheel) as old:
        files = {each: old.read(each) for each in old.namelist()}
    (record,) = (each for each in files if each.endswith(".dist-info/RECORD"))
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    files[record] += f"{name},sha256={digest},{len(content)}\n".encode()
    files[name] = content
    with zipfile.ZipFile(wheel, "w") as new:
        for each, data in files.items():
            new.writestr(each, data)
