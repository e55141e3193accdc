"""Presence -> person -> slots -> stays -> day end -> flows -> stock: pure functions from frames to a frame.

No session, no path, no action, no lake in here. The rules and their sources are in METHODS.md beside this file.
"""
