"""A package of someone else's that brings a profile, installed in a folder of the test's own."""

from pathlib import Path

__all__ = ["install_profile"]


def install_profile(site: Path, module: str, code: str, **points: str) -> None:
    """Write a module and the metadata of its distribution, as a package installer does.

    Parameters
    ----------
    site : Path
        Folder on the path of Python.
    module : str
        Name of the module and of the distribution.
    code : str
        Its code.
    **points : str
        Entry points of the group ``goodpix.profiles``: attribute of the module by name, ``_`` in place of ``-``.
    """
    about = site / f"{module}-1.0.dist-info"
    about.mkdir(parents=True)
    (site / f"{module}.py").write_text(code)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    lines = [f"{name.replace('_', '-')} = {module}:{attribute}" for name, attribute in points.items()]
    (about / "entry_points.txt").write_text("\n".join(["[goodpix.profiles]", *lines, ""]))
