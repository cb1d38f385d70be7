"""Nouns: what things are and what we decide; nothing here does I/O or imports another room."""
