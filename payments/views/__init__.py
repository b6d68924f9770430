"""Pages of the money: for payers, by a signed link; for finance staff, the figures."""

from payments.views.finance import finance
from payments.views.paying import fail, pay, success

__all__ = ["fail", "finance", "pay", "success"]
