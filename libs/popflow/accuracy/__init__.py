"""How far the unprotected figures are from the truth, on simulated nations: every trouble on, each one alone."""
