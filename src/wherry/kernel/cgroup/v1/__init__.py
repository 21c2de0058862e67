"""Controllers of version 1 (Linux Documentation/admin-guide/cgroup-v1)."""
