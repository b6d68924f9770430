"""Runs the whole product on a bare machine: `python -m balrottuieo.supervisor`, or `make run`.

One parent, five children (Redis, web, worker, beat, robots), everything it writes under `var/`.
It is for development and for looking around; production starts each process by itself.
"""
