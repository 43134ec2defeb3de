"""Make foreign texts and the errors of foreign code fit for storing as UTF-8."""

from __future__ import annotations

from gaitmap_results.store.secrets_in_text import without_secrets

__all__ = ["error_text", "safe_text"]


def safe_text(text: str) -> str:
    """Return ``text`` with lone surrogates written as escapes, so that it can be stored as UTF-8."""
    plain = str.__str__(text)  # a subclass may override methods
    return plain if plain.isascii() else plain.encode("utf-8", "backslashreplace").decode("utf-8")


def error_text(error: BaseException) -> str:
    """Return the kind of an error and its message, if it has one, without secrets."""
    try:
        return safe_text(without_secrets(f"{type(error).__name__}: {error}".removesuffix(": ")))
    except Exception:  # noqa: BLE001 - even the text of an error is foreign code
        return type(error).__name__
