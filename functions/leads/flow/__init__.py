"""Verbs: the order of things; each asks for the ports it needs and never builds them."""
