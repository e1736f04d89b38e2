"""The command line: each command parses its arguments, calls one public function and prints the result."""

from .app import app, main, program

__all__ = ["app", "main", "program"]
