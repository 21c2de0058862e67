"""Registry client: blocking code for worker threads; `session`, `fetch` and `push` are the way in."""
