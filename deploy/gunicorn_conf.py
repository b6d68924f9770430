"""REST, pages and the admin on gunicorn's threads; `docs/adr/0012-two-servers.md` says why.

python -m gunicorn --config deploy/gunicorn_conf.py --bind HOST:PORT balrottuieo.wsgi
"""

import os

worker_class = "deploy.web_worker.Worker"  # gthread, but for how it stops
# A process for each core, as Python computes on one; threads for what waits for others meanwhile.
workers = int(os.environ.get("WEB_PROCESSES") or min(os.cpu_count() or 1, 4))
preload_app = True  # imported once, then forked
threads = int(os.environ.get("WEB_THREADS") or 4)  # at most DATABASE_POOL_SIZE

# A stop: what is being answered may end. Whoever starts us waits a little longer than that.
graceful_timeout = 10
timeout = 60  # without a sign of life from a whole process; a slow request is none
keepalive = 75  # longer than the proxy's 60, so that it never writes to a connection just closed
# None is ended for its age: nothing here grows, and its kept connections would go with it.
max_requests = 0

limit_request_line = 4_094
limit_request_fields = 64
limit_request_field_size = 8_190

accesslog = None  # the proxy writes one
errorlog = "-"
loglevel = "warning"
control_socket_disable = True
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: PTH112, S108
