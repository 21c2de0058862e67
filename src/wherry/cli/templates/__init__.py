"""The part of the Go template language that `--format` is used with."""
