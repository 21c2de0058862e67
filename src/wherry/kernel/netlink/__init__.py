"""Netlink: messages as bytes, one socket, and rtnetlink's links, addresses, routes."""
