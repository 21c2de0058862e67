"""Devices that vendors describe in files: the Container Device Interface."""
