"""The command line: parse, validate, call; the only code that knows both the measuring and the showing."""

__version__ = "0.1.0"
