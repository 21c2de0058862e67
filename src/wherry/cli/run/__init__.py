"""From the flags of `run` and `create` to the request of `POST /containers/create`."""
