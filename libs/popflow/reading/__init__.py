"""The analyst's read side: from a question to rows, bounds and files, out of the published tables alone."""
