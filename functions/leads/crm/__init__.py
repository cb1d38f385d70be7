"""How the Contacts API (HighLevel) speaks: one resource per file, one table of fates."""
