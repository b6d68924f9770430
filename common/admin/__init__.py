"""What staff screens of all apps are made of, and the screen of the dead letters."""

from common.admin.letters import DeadLetterAdmin
from common.admin.lists import FirstPages, LargeTable, ReadOnly, TwoQueries

__all__ = ["DeadLetterAdmin", "FirstPages", "LargeTable", "ReadOnly", "TwoQueries"]
