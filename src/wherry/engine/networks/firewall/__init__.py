"""The firewall of one engine: an nftables table of its own, and elements that come and go."""
