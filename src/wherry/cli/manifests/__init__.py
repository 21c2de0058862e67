"""Manifest lists that are put together on the client, as `docker manifest` does."""
