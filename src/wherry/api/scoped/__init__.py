"""The engine as it is seen through a scoped socket: the roles of `wherry.api.backend`, narrowed."""
