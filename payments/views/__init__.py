"""Pages of the money: for finance staff."""

from payments.views.finance import finance

__all__ = ["finance"]
