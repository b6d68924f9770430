"""The queue between the web and the workers: its shape, its manners, and what dies in it.

RabbitMQ where `CELERY_BROKER_URL` names one, otherwise Redis. Which queues there are and which
task goes where is wiring, and stands in `balrottuieo.queues`.
"""
