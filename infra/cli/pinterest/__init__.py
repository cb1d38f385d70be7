"""Subscriptions to Pinterest's leads, their keys, forms and test leads."""
