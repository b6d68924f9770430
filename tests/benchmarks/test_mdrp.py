"""Meal delivery: instances read or refused, plans checked rule by rule, a player that is fair."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import mdrp
from benchmarks.meals.checker import broken_rules
from benchmarks.meals.figures import figures, together
from benchmarks.meals.instance import (
    BadInstance,
    Courier,
    Instance,
    Order,
    Place,
    Terms,
    load,
)
from benchmarks.meals.plan import Collection, Move, Plan
from benchmarks.meals.player import Player, Policy
from benchmarks.meals.published import marks
from benchmarks.meals.town import write_town

# 100 m a minute; a pickup and a drop-off take four minutes each, half of it before.
TERMS = Terms(100, 4, 4, 40, 90, 10, 15)


def tiny(*orders: Order, off: float = 120) -> Instance:
    """One courier 500 m west of the only restaurant but one, which is 300 m north of it."""
    return Instance(
        "tiny",
        TERMS,
        {"c1": Courier("c1", Place(-500, 0), 0, off)},
        {"r1": Place(0, 0), "r2": Place(0, 300)},
        {order.name: order for order in orders},
    )


ONE = Order("o1", Place(1_000, 0), 0, "r1", 20)
TWO = Order("o2", Place(1_000, 200), 5, "r1", 22)
INSTANCE = tiny(ONE, TWO)
# He leaves at 15, is there at 20, collects both at 22, and is at the doors 14 and 20 later.
MOVES = (
    Move("c1", 15, "c1", "r1", 20),
    Move("c1", 24, "r1", "o1", 34),
    Move("c1", 38, "o1", "o2", 40),
)
BOTH = Collection("c1", 15, 22, ("o1", "o2"))


def good() -> Plan:
    return Plan(list(MOVES), [BOTH], {"o1": 36, "o2": 42})


def moved(plan: Plan, number: int, **changes: Any) -> None:
    plan.moves[number] = plan.moves[number]._replace(**changes)


def collected(plan: Plan, **changes: Any) -> None:
    plan.collections[0] = plan.collections[0]._replace(**changes)


Change = Callable[[Plan], object]
BROKEN: dict[str, tuple[str, Change]] = {
    "assigned before it was placed": ("before it was placed", lambda p: collected(p, assigned=4)),
    "collected before it was ready": ("before it was ready", lambda p: collected(p, at=21)),
    "collected before it was assigned": ("were assigned", lambda p: collected(p, assigned=23)),
    "collected twice": ("collected 2 times", lambda p: p.collections.append(BOTH)),
    "never delivered": ("and not delivered", lambda p: p.dropoffs.pop("o2")),
    "never collected": ("was not collected", lambda p: collected(p, orders=("o1",))),
    "faster than allowed": ("too fast", lambda p: moved(p, 1, arrives=33)),
    "from where he is not": ("but was at", lambda p: moved(p, 1, origin="r2")),
    "before he is on duty": ("before he is there", lambda p: moved(p, 0, departs=-1)),
    "two ways at once": ("before he is there", lambda p: moved(p, 1, departs=19, arrives=34)),
    "no time to park": ("long enough at 22", lambda p: moved(p, 0, departs=16, arrives=21)),
    "no time to walk back": ("long enough at 22", lambda p: moved(p, 1, departs=23, arrives=34)),
    "no time at the door": ("door of o1", lambda p: p.dropoffs.update(o1=35)),
    "gone from the door": ("door of o1", lambda p: p.dropoffs.update(o1=37)),
    "delivered before it was had": ("in their order", lambda p: p.dropoffs.update(o1=21)),
    "in another order": ("in their order", lambda p: collected(p, orders=("o2", "o1"))),
    "by nobody": ("nothing is named", lambda p: collected(p, courier="c9")),
    "to nowhere": ("nothing is named", lambda p: moved(p, 2, destination="o9")),
}  # fmt: skip


def test_a_plan_that_keeps_every_rule_is_believed() -> None:
    assert broken_rules(INSTANCE, good()) == []
    found = figures(INSTANCE, good())
    assert (found.click_to_door, found.ready_to_pickup) == (36.5, 1)
    assert (found.undelivered, found.pay, found.cost_per_order) == (0, 30, 15)
    assert found.floor == pytest.approx((20 + 10 + 4 + 17 + 11 + 4) / 2)


@pytest.mark.parametrize(("told", "change"), BROKEN.values(), ids=BROKEN)
def test_every_broken_rule_is_found(told: str, change: Change) -> None:
    plan = good()
    change(plan)
    assert any(told in rule for rule in broken_rules(INSTANCE, plan))


def test_no_pickup_after_the_shift_but_a_delivery() -> None:
    assert broken_rules(tiny(ONE, TWO, off=22), good()) == []
    [late] = broken_rules(tiny(ONE, TWO, off=21), good())
    assert "after the shift" in late


def test_what_goes_together_comes_from_one_restaurant_and_is_delivered_before_the_next() -> None:
    elsewhere = tiny(ONE, TWO._replace(restaurant="r2"))
    assert any("2 restaurants" in rule for rule in broken_rules(elsewhere, good()))
    plan = good()
    plan.collections = [Collection("c1", 15, 22, (order,)) for order in ("o1", "o2")]
    assert any("still in hand" in rule for rule in broken_rules(INSTANCE, plan))


def test_what_comes_after_the_maximum_counts_as_not_delivered() -> None:
    late = replace(INSTANCE, terms=TERMS._replace(most_click_to_door=36))
    found = figures(late, good())
    assert (found.delivered, found.click_to_door) == (1, 36)
    assert together([found, figures(INSTANCE, good())]).undelivered == 0.25


# --- reading -----------------------------------------------------------------------------
def test_a_made_up_evening_is_an_instance(tmp_path: Path) -> None:
    instance = load(write_town(tmp_path / "town", seed=3, orders=9))
    assert (instance.name, len(instance.orders)) == ("town", 9)
    placed = [order.placed for order in instance.orders.values()]
    assert placed == sorted(placed)
    assert instance.terms == Terms(320, 4, 4, 40, 90, 10, 15)


@pytest.mark.parametrize(
    ("file", "before", "after", "told"),
    [
        ("orders.txt", "\tr1\t", "\tr99\t", "no restaurant is named 'r99'"),
        ("orders.txt", "o2\t", "o1\t", "comes a second time"),
        ("orders.txt", "placement_time", "placed", "'placement_time' is missing"),
        ("couriers.txt", "c1\t", "r1\t", "share a name"),
        ("couriers.txt", "c2\t", "c2\tx", "line 3: 'x' is 'x"),
        ("restaurants.txt", None, "restaurant\tx\ty\n", "no line below"),
        ("instance_parameters.txt", "320", "0", "nobody moves"),
        ("instance_parameters.txt", "90", "nan", "which is no number"),
    ],
)
def test_a_bad_file_is_named(
    tmp_path: Path, file: str, before: str | None, after: str, told: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    path = write_town(tmp_path, seed=1, restaurants=1) / file
    text = path.read_text(encoding="utf-8")
    path.write_text(after if before is None else text.replace(before, after, 1), encoding="utf-8")
    assert mdrp.main([str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert told in said
    assert str(tmp_path) in said


def test_a_directory_without_the_files_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInstance, match=r"restaurants\.txt cannot be read"):
        load(tmp_path)


# --- playing -----------------------------------------------------------------------------
def test_the_player_waits_with_leaving_and_takes_both() -> None:
    """The best there is, by hand: one at 20 and one an hour later, or two at 22."""
    plan = Player(INSTANCE, Policy()).play()
    assert plan.moves[0] == MOVES[0]
    assert broken_rules(INSTANCE, plan) == []
    assert figures(INSTANCE, plan).click_to_door == 36.5
    assert plan.collections[0].orders == ("o1", "o2")


def test_who_leaves_at_once_cannot_change_his_mind() -> None:
    """Food that is placed later and ready sooner, next to where the courier waits."""
    near = Order("o2", Place(-500, 200), 5, "r2", 8)
    instance = tiny(ONE._replace(ready=40), near)
    instance = replace(instance, restaurants={"r1": Place(0, 0), "r2": Place(-500, 100)})
    late, early = (Player(instance, Policy(late=late)).play() for late in (True, False))
    assert broken_rules(instance, late) == broken_rules(instance, early) == []
    assert late.dropoffs["o2"] < early.dropoffs["o2"]


def test_what_nobody_can_deliver_in_time_is_left_out() -> None:
    instance = tiny(ONE._replace(ready=200), TWO)
    plan = Player(instance, Policy()).play()
    assert broken_rules(instance, plan) == []
    assert figures(instance, plan).undelivered == 0.5


@pytest.mark.parametrize("every", [1, 5])
def test_a_crowded_evening_breaks_no_rule(tmp_path: Path, every: float) -> None:
    instance = load(write_town(tmp_path, seed=5, orders=45, couriers=6))
    plan = Player(instance, Policy(every=every)).play()
    assert broken_rules(instance, plan) == []
    assert figures(instance, plan).undelivered < 0.5
    assert any(len(each.orders) > 1 for each in plan.collections)


def test_nothing_is_known_before_it_is_placed(tmp_path: Path) -> None:
    """The same evening without its last orders goes the same way until the first of them."""
    whole = load(write_town(tmp_path, seed=2, orders=30))
    names = list(whole.orders)
    cut = replace(whole, orders={name: whole.orders[name] for name in names[:20]})
    until = whole.orders[names[20]].placed
    plans = [Player(instance, Policy()).play() for instance in (whole, cut)]
    first, second = ([m for m in plan.moves if m.departs < until] for plan in plans)
    assert first == second != []


def test_the_program_prints_each_instance_beside_the_published_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [str(write_town(tmp_path / name, seed=1, orders=12)) for name in ("0o50x", "other")]
    assert mdrp.main(paths) == 0
    out = capsys.readouterr().out
    for told in ("0o50x", "other", "2 instances", "rolling horizon of 2018", "1 of the 16"):
        assert told in out


def test_a_plan_that_breaks_a_rule_has_no_figures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mdrp, "broken_rules", lambda _instance, _plan: ["too fast", "too soon"])
    assert mdrp.main([]) == 1
    said = capsys.readouterr()
    assert "too fast (and 1 more)" in said.err
    assert "click-to-door" not in said.out


def test_rows_end_when_the_time_is_up(tmp_path: Path) -> None:
    paths = [write_town(tmp_path / name, seed=1, orders=5) for name in ("a", "b")]
    assert mdrp.rows(paths, seconds_limit=0) == marks([mdrp.played(paths[0], Policy())])
    assert mdrp.rows([], seconds_limit=0) == []
