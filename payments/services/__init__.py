"""What the books lack, and how staff see to it."""

from payments.services.reconciling import (
    Reconciled,
    difference_dismiss,
    difference_settle,
    reconcile,
)

__all__ = ["Reconciled", "difference_dismiss", "difference_settle", "reconcile"]
