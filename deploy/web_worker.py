"""Gunicorn's threads, with a plainer end."""

from gunicorn.workers.gthread import ThreadWorker


class Worker(ThreadWorker):
    """Lets go of its ports as soon as it stops: who comes then is refused, and tries again.

    Gunicorn's own would let them wait until it has finished, and then break off.
    """

    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled)
        if not self.alive:
            for listener in self.sockets:
                listener.close()
