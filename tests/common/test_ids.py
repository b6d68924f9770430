from common.ids import uuid7


def test_sort() -> None:
    made = [uuid7() for _ in range(10000)]
    assert made == sorted(made) and len(set(made)) == 10000
    assert {i.version for i in made} == {7}
