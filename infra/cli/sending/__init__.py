"""Leads out of files, through the real webhook."""
