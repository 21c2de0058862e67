"""The DNS server at 127.0.0.11 of every container that is on a user-defined network."""
