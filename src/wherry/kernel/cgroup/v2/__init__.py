"""Controllers of version 2 (Linux Documentation/admin-guide/cgroup-v2.rst)."""
