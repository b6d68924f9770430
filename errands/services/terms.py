"""Terms of a later day, written by finance staff. What has begun, or is near, never changes."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from common.db import in_one_unit
from common.errors import Conflict, Invalid, NotFound
from errands.models import Terms, term_rows
from errands.policy import CASES, MOST_MINUTES, Case, Outcome, is_sound, with_term
from errands.selectors import terms_at
from payments.payouts import check_finance

# More than a process keeps what it read and than a quote stands, so that both know in time.
NOTICE = timedelta(hours=1)
MOST_COMMISSION = 50


@in_one_unit
def terms_write(*, valid_from: datetime, commission_percent: int, by: User, now: datetime) -> Terms:
    """Write terms for later: those that would hold then, with another commission.

    Raises:
        NotAllowed: ``finance_only``.
        Invalid: ``too_soon``, ``bad_share``.
        Conflict: ``terms_taken`` when others begin at the same moment.
    """
    check_finance(by)
    if valid_from < now + NOTICE:
        message = _("Terms begin an hour from now at the earliest.")
        raise Invalid("too_soon", message, field="valid_from")
    _check_commission(commission_percent)
    # Read past the cache: what was written a moment ago may begin before these.
    before = Terms.objects.filter(valid_from__lte=valid_from).order_by("-valid_from").first()
    return _insert(
        Terms(
            valid_from=valid_from,
            commission_percent=commission_percent,
            rows=(before or terms_at(now)).rows,
            set_by=by,
            created_at=now,
        )
    )


def _check_commission(percent: int) -> None:
    if not 0 <= percent <= MOST_COMMISSION:
        message = _("The commission is 0 to 50 percent.")
        raise Invalid("bad_share", message, field="commission_percent")


def _insert(terms: Terms) -> Terms:
    try:
        terms.save(force_insert=True)
    except IntegrityError as error:  # this unit ends here
        message = _("Other terms begin at the same moment.")
        raise Conflict("terms_taken", message) from error
    return terms


@in_one_unit
def term_set(
    *, terms_id: UUID, case: Case, after_minutes: int, outcome: Outcome | None, by: User,
    now: datetime,
) -> Terms:  # fmt: skip
    """Have ``outcome`` hold in a case from so many minutes after acceptance; None takes it out.

    Raises:
        NotFound; NotAllowed: ``finance_only``.
        Invalid: ``unknown_case``, ``bad_minutes``, ``bad_outcome``.
        Conflict: ``terms_fixed`` when they are near or have begun; ``terms_changed`` meanwhile.
    """
    check_finance(by)
    _check_term(case, after_minutes, outcome)
    terms = _terms_of(terms_id)
    rows = term_rows(with_term(terms.table, case, after_minutes, outcome))
    changed = _changeable(now).filter(pk=terms_id, version=terms.version)
    if not changed.update(rows=rows, set_by=by, version=terms.version + 1):
        raise _refusal(terms, now)
    return _terms_of(terms_id)


def _check_term(case: Case, after_minutes: int, outcome: Outcome | None) -> None:
    if case not in CASES:
        raise Invalid("unknown_case", _("The table is never asked this."), field="case")
    if not 0 <= after_minutes <= MOST_MINUTES:
        message = _("The minutes lie within a day.")
        raise Invalid("bad_minutes", message, field="after_minutes")
    if outcome is not None and not is_sound(case, outcome):
        message = _("This can't be the outcome in this case.")
        raise Invalid("bad_outcome", message, field="runner_percent")


@in_one_unit
def terms_withdraw(*, terms_id: UUID, by: User, now: datetime) -> None:
    """Take terms back that are not near yet; those before them go on.

    Raises:
        NotFound; NotAllowed: ``finance_only``; Conflict: ``terms_fixed``.
    """
    check_finance(by)
    terms = _terms_of(terms_id)
    if not _changeable(now).filter(pk=terms_id).delete()[0]:
        raise _refusal(terms, now)


def _changeable(now: datetime) -> QuerySet[Terms]:
    return Terms.objects.filter(valid_from__gte=now + NOTICE)


def _terms_of(terms_id: UUID) -> Terms:
    terms = Terms.objects.filter(pk=terms_id).first()
    if terms is None:
        raise NotFound
    return terms


def _refusal(terms: Terms, now: datetime) -> Conflict:
    if terms.valid_from < now + NOTICE:
        message = _("Terms that have begun, or will within the hour, stay as they are.")
        return Conflict("terms_fixed", message)
    return Conflict("terms_changed", _("Somebody else changed these terms. Please look again."))
