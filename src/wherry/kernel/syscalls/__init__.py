"""System call numbers of the architectures that we filter, as data: one file each.

Numbers are facts of the kernel's binary interface; they were taken from its `.tbl` files and
checked against its exported headers.
"""
