"""Control groups, versions 1 and 2: one file per controller, writing into a given directory."""
