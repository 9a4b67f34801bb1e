"""Run a submission where it can do no harm, and ask it for data.

Three processes: the checker, which never imports the submission; a supervisor, clean as well; and the worker,
its fork, which runs the submission from a copy of its folder. With bubblewrap, supervisor and worker see a system
that is read-only, without network, home folder and other processes. What comes back is data that is checked
piece by piece: the worst that a worker can send is a wrong number.

``child/`` has what runs in there, beginning with its ``start``; the files beside it are the checker's side.
"""

from backproof.checker.sandbox.child.limits import Limits
from backproof.checker.sandbox.session import Session

__all__ = ["Limits", "Session"]
