"""What a container's child can do, one file per subject; `table.py` lists it all."""
