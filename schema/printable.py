"""Text that is safe to print on a terminal."""

__all__ = ["one_line", "printable"]

# Bytes that Python keeps in a file name that it cannot decode.
_BYTES = range(0xDC80, 0xDD00)


def printable(text: str, *, keep: str = "") -> str:
    r"""Return text with its control characters and others that show nothing as escapes such as ``\x1b``.

    Parameters
    ----------
    text : str
        Text from a file, a database or a path, which may hold anything.
    keep : str
        Control characters that stay, such as a newline.
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() or letter in keep else _escape(ord(letter)) for letter in text)


def one_line(error: BaseException) -> str:
    """Return the message of an error in one printable line; its type if there is none."""
    return printable(" ".join(str(error).split())) or type(error).__name__


def _escape(code: int) -> str:
    return ascii(chr(code - 0xDC00 if code in _BYTES else code))[1:-1]
