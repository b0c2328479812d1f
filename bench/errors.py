"""The one error a user can cause."""

__all__ = ["BadInput"]


class BadInput(Exception):
    """Unusable input; its text is one line that names the input, what was expected and a remedy."""
