"""Which command line leads to which module of `wherry.cli.verbs`. Names only: nothing is imported
before it is wanted."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.command import Command

GROUPS: dict[str, str] = {
    "container": "Work with containers",
    "image": "Work with images",
    "manifest": "Work with manifest lists, which stand for an image on several platforms",
    "network": "Work with networks",
    "registry": "Run a registry",
    "socket": "Give parts of the engine away",
    "system": "Work with the engine itself",
    "volume": "Work with volumes",
}

# The words after `wherry`, and the module. Several spellings of one command share a module; the
# first of them is the one the help calls it by.
COMMANDS: dict[str, str] = {
    "run": "run",
    "exec": "exec",
    "ps": "ps",
    "images": "images",
    "version": "version",
    "info": "info",
    "attach": "attach",
    "commit": "commit",
    "cp": "cp",
    "create": "create",
    "diff": "diff",
    "events": "events",
    "export": "export",
    "history": "history",
    "import": "import_",
    "inspect": "inspect",
    "kill": "kill",
    "load": "load",
    "login": "login",
    "logout": "logout",
    "logs": "logs",
    "pause": "pause",
    "port": "port",
    "port add": "port_add",
    "port rm": "port_rm",
    "pull": "pull",
    "push": "push",
    "rename": "rename",
    "restart": "restart",
    "rm": "rm",
    "rmi": "rmi",
    "save": "save",
    "search": "search",
    "start": "start",
    "stats": "stats",
    "stop": "stop",
    "tag": "tag",
    "top": "top",
    "unpause": "unpause",
    "update": "update",
    "wait": "wait",
    "completion": "completion",
    "daemon": "daemon",
    "container attach": "attach",
    "container commit": "commit",
    "container cp": "cp",
    "container create": "create",
    "container diff": "diff",
    "container exec": "exec",
    "container export": "export",
    "container inspect": "container_inspect",
    "container kill": "kill",
    "container logs": "logs",
    "container ls": "ps",
    "container list": "ps",
    "container ps": "ps",
    "container pause": "pause",
    "container port": "port",
    "container prune": "container_prune",
    "container rename": "rename",
    "container restart": "restart",
    "container rm": "rm",
    "container remove": "rm",
    "container run": "run",
    "container start": "start",
    "container stats": "stats",
    "container stop": "stop",
    "container top": "top",
    "container unpause": "unpause",
    "container update": "update",
    "container wait": "wait",
    "image bootstrap": "image_bootstrap",
    "image history": "history",
    "image import": "import_",
    "image inspect": "image_inspect",
    "image load": "load",
    "image ls": "images",
    "image list": "images",
    "image prune": "image_prune",
    "image pull": "pull",
    "image push": "push",
    "image rm": "rmi",
    "image remove": "rmi",
    "image save": "save",
    "image sign": "image_sign",
    "image tag": "tag",
    "manifest annotate": "manifest_annotate",
    "manifest create": "manifest_create",
    "manifest inspect": "manifest_inspect",
    "manifest push": "manifest_push",
    "manifest rm": "manifest_rm",
    "network connect": "network_connect",
    "network create": "network_create",
    "network disconnect": "network_disconnect",
    "network inspect": "network_inspect",
    "network list": "network_ls",
    "network ls": "network_ls",
    "network prune": "network_prune",
    "network remove": "network_rm",
    "network rm": "network_rm",
    "registry serve": "registry_serve",
    "socket create": "socket_create",
    "socket inspect": "socket_inspect",
    "socket ls": "socket_ls",
    "socket rm": "socket_rm",
    "system df": "system_df",
    "system events": "events",
    "system info": "info",
    "system shutdown": "system_shutdown",
    "volume clone": "volume_clone",
    "volume create": "volume_create",
    "volume export": "volume_export",
    "volume import": "volume_import",
    "volume inspect": "volume_inspect",
    "volume list": "volume_ls",
    "volume ls": "volume_ls",
    "volume prune": "volume_prune",
    "volume remove": "volume_rm",
    "volume rename": "volume_rename",
    "volume rm": "volume_rm",
}

COMMON = ("run", "exec", "ps", "images", "version", "info")

# Spellings that work but that the lists of commands leave out, as docker's do.
UNLISTED = frozenset(
    (
        "container list",
        "container ps",
        "container remove",
        "image list",
        "image remove",
        "network list",
        "network remove",
        "volume list",
        "volume remove",
    )
)


def load(name: str) -> Command:
    """The command's row, given its full name (a key of `COMMANDS`)."""
    module = __import__(f"wherry.cli.verbs.{COMMANDS[name]}", fromlist=["COMMAND"])
    command: Command = module.COMMAND
    return command


def spellings(name: str) -> list[str]:
    """Every full name of the same command, sorted, `name` among them."""
    return sorted(other for other, module in COMMANDS.items() if module == COMMANDS[name])


def members(group: str) -> list[str]:
    """Full names of the listed commands of a group; of the top level for ""."""
    wanted = 2 if group else 1
    return sorted(
        name
        for name in COMMANDS
        if name not in UNLISTED
        and len(name.split()) == wanted
        and (not group or name.startswith(f"{group} "))
    )
