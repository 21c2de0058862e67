"""wherry-oci: an OCI runtime with runc's command line, in one shot, without daemon or keeper."""
