"""What commands ask of the vendors' APIs, and how their refusals are told."""
