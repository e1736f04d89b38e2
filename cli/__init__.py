"""The command line: each command parses, calls one public function, and prints."""

from .app import app, main

__all__ = ["app", "main"]
