"""Registry client: blocking code for worker threads. Begin with `session`, `fetch`, `push`."""
