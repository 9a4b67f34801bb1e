"""Start the sandbox's child: run by its path, with a socket's number and settings as JSON.

The files beside it become a package without a trace in ``sys.modules``, each with builtins of its own, so
that a submission that replaces ``len``, or has a module called ``serialization``, changes nothing of what is
sent.
"""

import builtins
import json
import socket
import sys
from importlib import import_module
from importlib.machinery import FileFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType

FOLDER = str(Path(__file__).parent)


class OwnBuiltins(SourceFileLoader):
    """Give a module a copy of the builtins."""

    def exec_module(self, module: ModuleType) -> None:
        """Run its file."""
        vars(module)["__builtins__"] = dict(vars(builtins))
        super().exec_module(module)


def load(*names: str) -> list[ModuleType]:
    """Import files beside this one."""
    sys.path_importer_cache[FOLDER] = FileFinder(FOLDER, (OwnBuiltins, [".py"]))
    package = sys.modules["sandbox_child"] = ModuleType("sandbox_child")
    package.__path__ = [FOLDER]
    modules = [import_module(f"sandbox_child.{name}") for name in names]
    for name in [name for name in sys.modules if name.startswith("sandbox_child")]:
        del sys.modules[name]
    return modules


def main() -> None:
    """Serve the checker until it hangs up."""
    control, settings = socket.socket(fileno=int(sys.argv[1])), json.loads(sys.argv[2])
    control.set_inheritable(False)
    control.sendall(b'{"hello": true}\n')  # before NumPy's import, which takes its time
    sys.path[:] = [*settings["first"], *sys.path, *settings["last"]]
    limits, supervisor, worker = load("limits", "supervisor", "worker")
    supervisor.Supervisor(control, limits.Limits(**settings["limits"]), str(Path.cwd()), worker.work).run()


if __name__ == "__main__":
    main()
