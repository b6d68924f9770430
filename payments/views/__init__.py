"""Pages of the money: for payers, by a signed link."""

from payments.views.paying import fail, pay, success

__all__ = ["fail", "pay", "success"]
