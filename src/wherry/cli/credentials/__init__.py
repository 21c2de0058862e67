"""Credentials for registries: docker's configuration file and credential helpers."""
