"""Presence -> person -> slots -> day end -> state -> flows: pure functions from frames to a frame.

No session, no path, no action, no lake in here. The rules and their sources are in METHODS.md beside this file.
"""
