"""Text that is safe to print on a terminal."""

import re

__all__ = ["printable"]

# Control characters of terminals, line separators, marks that reverse text, and bytes of names that are not UTF-8.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]", re.UNICODE)

# Bytes that Python keeps in a file name that it cannot decode.
_BYTES = range(0xDC80, 0xDD00)


def printable(text: str, *, keep: str = "") -> str:
    r"""Return text with its control characters as escapes such as ``\x1b``.

    Parameters
    ----------
    text : str
        Text from a file, a database or a path, which may hold anything.
    keep : str
        Control characters that stay, such as a newline.
    """
    return _UNSAFE.sub(lambda found: found[0] if found[0] in keep else _escape(ord(found[0])), text)


def _escape(code: int) -> str:
    if code in _BYTES:
        code -= 0xDC00
    return ascii(chr(code))[1:-1]
