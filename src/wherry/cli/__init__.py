"""The command line: a client of Docker's HTTP API, one module per command in `verbs/`."""
