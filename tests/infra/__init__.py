"""Tests of the template, the house rules and the local tools."""
