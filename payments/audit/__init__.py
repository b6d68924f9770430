"""The books against everything that has to agree with them. Reads only."""

from payments.audit.books import account_differences, balance_differences
from payments.audit.escrow import claimed, escrow_differences, unclaimed
from payments.audit.figures import Figures, Waiting, figures
from payments.audit.found import Found
from payments.audit.gateway import gateway_differences

__all__ = [
    "Figures",
    "Found",
    "Waiting",
    "account_differences",
    "balance_differences",
    "claimed",
    "escrow_differences",
    "figures",
    "gateway_differences",
    "unclaimed",
]
