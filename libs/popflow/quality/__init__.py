"""Whether a night's figures are to be trusted: checks between the stages, and coverage by MNO."""
