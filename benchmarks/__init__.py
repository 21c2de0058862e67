"""Speed and memory of Wherry beside dockerd, podman, runc and crun: `python -m benchmarks`."""
