"""The daemon: options, sockets and the one place where engine and API are wired together."""
