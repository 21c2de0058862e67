"""The flags that stand before the command."""

from __future__ import annotations

from wherry.cli.flags import Flag

GLOBAL_FLAGS = (
    Flag("config", "", "string", "Folder of docker's client settings; read by nothing in wherry"),
    Flag("context", "c", "string", "Accepted for docker's sake; wherry has no contexts"),
    Flag("debug", "D", "bool", "Show where a failure of wherry itself comes from"),
    Flag("host", "H", "list", "Address of the daemon: unix:///path or tcp://name:port"),
    Flag("log-level", "l", "string", "Accepted for docker's sake", default="info"),
    Flag("tls", "", "bool", "Use TLS to a tcp address, without verifying the daemon"),
    Flag("tlscacert", "", "string", "Trust daemons whose certificate this CA signed"),
    Flag("tlscert", "", "string", "TLS certificate that shows the daemon who we are"),
    Flag("tlskey", "", "string", "Key of the certificate"),
    Flag("tlsverify", "", "bool", "Use TLS to a tcp address and verify the daemon"),
    Flag("version", "v", "bool", "Show wherry's version and end"),
)
