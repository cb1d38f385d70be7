"""Tools: the only files that touch network, AWS or the environment."""
