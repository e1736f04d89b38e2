"""The command line: each command parses its arguments, calls one public function and prints the result."""

from .app import app, main

__all__ = ["app", "main"]
