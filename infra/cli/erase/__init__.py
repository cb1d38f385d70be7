"""Removing a person everywhere, and the certificate of it."""
