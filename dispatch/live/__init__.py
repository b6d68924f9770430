"""What goes over a socket: the one place that builds server messages and carries them.

After a commit (services, receivers, tasks), from ordinary code, over the channel layer:

- ``push_runners([(runner_id, runner_message(row)), …])`` with a
  :class:`dispatch.models.RunnerMessage` each, many in the time of one
- ``push_errand(errand_id, errand_event(row))`` with a :class:`errands.models.ErrandEvent`
- ``close_user(user_id, CloseCode.NOT_AUTHENTICATED)``

Positions go past it: ``push_position(errand_ids, point=…, recorded_at=…, eta_minutes={…})`` from
coroutines, ``push_position_now`` from ordinary code.
None of them fails its caller: what a lost layer swallows is in the database, numbered.
"""

from dispatch.live.backlog import (
    ErrandStanding,
    RunnerStanding,
    errand_missed,
    errand_watched,
    errands_standing,
    link_is_over,
    present_user,
    present_users,
    role_in,
    runner_hello,
    runner_last,
    runner_missed,
    runners_standing,
    tracked_errand,
)
from dispatch.live.groups import groups_here
from dispatch.live.inbox import Inbox
from dispatch.live.layer import (
    LAYER_LOST,
    close_user,
    errand_group,
    push_errand,
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
from dispatch.live.positions import position_topic, push_position, push_position_now

__all__ = [
    "LAYER_LOST",
    "ErrandStanding",
    "Inbox",
    "RunnerStanding",
    "close_user",
    "errand_event",
    "errand_group",
    "errand_missed",
    "errand_watched",
    "errands_standing",
    "failure",
    "groups_here",
    "link_is_over",
    "misunderstood",
    "position_topic",
    "present_user",
    "present_users",
    "public_event",
    "push_errand",
    "push_position",
    "push_position_now",
    "push_runners",
    "role_in",
    "runner_group",
    "runner_hello",
    "runner_last",
    "runner_message",
    "runner_missed",
    "runners_standing",
    "to_text",
    "tracked_errand",
    "user_group",
]
