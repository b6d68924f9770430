"""Keys sort by time, also within a millisecond."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from common.ids import uuid7


def test_keys_made_in_a_row_sort_in_a_row() -> None:
    made = [uuid7() for _ in range(10_000)]
    assert made == sorted(made)
    assert {key.version for key in made} == {7}
    assert {key.variant for key in made} == {"specified in RFC 4122"}


def test_threads_never_make_the_same() -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: uuid7(), range(4_000)))
    assert len(set(made)) == 4_000
