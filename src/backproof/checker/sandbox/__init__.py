"""Run a submission isolated from this system, and ask it for data.

Three processes: the checker and a supervisor, which never import the submission; and the worker, a fork of
the supervisor, which runs the submission from a copy of its folder. With bubblewrap, supervisor and worker
see a read-only system, without network, home folder and other processes. What comes back is data, each part
of which is validated: the worst that a worker can send is a wrong number.

``child/`` has what runs in there, beginning with its ``start``; the files beside it are the checker's side.
"""

from backproof.checker.sandbox.child.limits import Limits
from backproof.checker.sandbox.session import Session

__all__ = ["Limits", "Session"]
