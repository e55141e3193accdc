"""Releases, corrections, and the analyst's read side."""
