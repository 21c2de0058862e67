"""Networks: what containers are joined to, in Docker's words."""
