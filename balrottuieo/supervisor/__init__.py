"""Runs the whole product on a bare machine: `python -m balrottuieo.supervisor`, or `make run`.

One parent, six children (Redis, web, sockets, worker, beat, robots); all that is written is under
`var/`. It is for development and for looking around; production starts each process by itself.
"""
