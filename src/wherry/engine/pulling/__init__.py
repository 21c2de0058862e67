"""Fetching images from registries. Blocking, for worker threads; `pull.Puller` is the way in."""
