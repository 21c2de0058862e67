"""Containers under other OCI runtimes: which there are, and how they are told what to do."""
