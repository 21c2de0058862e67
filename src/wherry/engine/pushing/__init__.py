"""Sending images to registries. Blocking, for worker threads; `push.Pusher` is the way in."""
