"""Earned money out: bank accounts, requests, batches of two people, files, results, papers."""

from payments.payouts.accounts import Details, bank_account_keep, checked
from payments.payouts.batches import (
    FINANCE,
    batch_approve,
    batch_cancel,
    batch_make,
    check_finance,
    reason_said,
)
from payments.payouts.files import KINDS, File, batch_export, results_read
from payments.payouts.papers import filing_export, payout_statement, year_statement
from payments.payouts.requests import payout_request, payouts_schedule
from payments.payouts.results import BadFile, Imported, Result, payout_return, results_book
from payments.payouts.taxes import tax_pay

__all__ = [
    "FINANCE",
    "KINDS",
    "BadFile",
    "Details",
    "File",
    "Imported",
    "Result",
    "bank_account_keep",
    "batch_approve",
    "batch_cancel",
    "batch_export",
    "batch_make",
    "check_finance",
    "checked",
    "filing_export",
    "payout_request",
    "payout_return",
    "payout_statement",
    "payouts_schedule",
    "reason_said",
    "results_book",
    "results_read",
    "tax_pay",
    "year_statement",
]
