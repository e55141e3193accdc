"""From a date's exact tables to its release: candidate, verdict, commit, ledger, correction."""
