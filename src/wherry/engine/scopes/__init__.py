"""Scoped sockets: what each lets do, and where that is kept."""
