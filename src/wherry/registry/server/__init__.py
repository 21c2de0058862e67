"""A registry: the OCI distribution API (version 1.1) over a directory, a cache or an engine."""
