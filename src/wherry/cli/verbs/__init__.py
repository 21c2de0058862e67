"""The commands, one module each; `wherry.cli.commands` names them."""
