"""Whether a night's figures are to be trusted: gates between the stages, and coverage by MNO."""
