"""Running it: audit trail, purposes, retention, leak scan, run events, status, encryption."""
