"""Describe a record in words, for terminals and notebooks."""

from __future__ import annotations
