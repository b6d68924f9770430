"""What goes over a socket: the one place that builds server messages and uses the channel layer.

After a commit (services, receivers, tasks), from ordinary code:

- ``push_runners([(runner_id, runner_message(row)), …])`` with a
  :class:`dispatch.models.RunnerMessage` each
- ``push_errand(errand_id, errand_event(row))`` with a :class:`errands.models.ErrandEvent`
- ``close_user(user_id, CloseCode.NOT_AUTHENTICATED)``

From coroutines: ``await push_position(errand_ids, point=…, recorded_at=…, eta_minutes={…})``.
None of them fails its caller: what a lost layer swallows is in the database, numbered.
"""

from dispatch.live.backlog import (
    errand_missed,
    errand_watched,
    present_user,
    runner_hello,
    runner_last,
    runner_missed,
    tracked_errand,
)
from dispatch.live.layer import (
    LAYER_LOST,
    Inbox,
    close_user,
    errand_group,
    push_errand,
    push_position,
    push_runners,
    runner_group,
    user_group,
)
from dispatch.live.messages import (
    errand_event,
    failure,
    misunderstood,
    public_event,
    runner_message,
    to_text,
)

__all__ = [
    "LAYER_LOST",
    "Inbox",
    "close_user",
    "errand_event",
    "errand_group",
    "errand_missed",
    "errand_watched",
    "failure",
    "misunderstood",
    "present_user",
    "public_event",
    "push_errand",
    "push_position",
    "push_runners",
    "runner_group",
    "runner_hello",
    "runner_last",
    "runner_message",
    "runner_missed",
    "to_text",
    "tracked_errand",
    "user_group",
]
