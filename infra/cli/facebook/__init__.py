"""Subscriptions to Facebook's leads, forms and test leads."""
