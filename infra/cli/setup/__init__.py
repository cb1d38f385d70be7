"""Asking for accounts, trying them, and storing what opens them."""
