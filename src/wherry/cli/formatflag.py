"""The `--format` flags that many commands share."""

from __future__ import annotations

from wherry.cli.flags import Flag

TABLE_FORMAT = Flag(
    "format",
    "",
    "string",
    "Layout of the output: 'table' (the default), 'table TEMPLATE', 'json', or a Go TEMPLATE"
    " such as '{{.ID}}'",
)
OBJECT_FORMAT = Flag(
    "format", "f", "string", "Layout of the output: 'json', or a Go TEMPLATE such as '{{.Name}}'"
)
LINE_FORMAT = Flag(
    "format", "", "string", "Layout of each line: 'json', or a Go TEMPLATE such as '{{.Action}}'"
)
