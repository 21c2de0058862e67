"""Containers made by another OCI runtime's command line, as children of the keeper."""
