"""Fetching images from registries: blocking code for worker threads; `pull.Puller` is the way in."""
