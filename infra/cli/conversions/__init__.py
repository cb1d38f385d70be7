"""The operator's side of conversions: sending a file of events, how events stand, tokens, and dead letters."""
