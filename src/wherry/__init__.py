"""Wherry: a container platform in Python."""
