"""The commands, a module for each group: what they take, and how their results are shown."""
