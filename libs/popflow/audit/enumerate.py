"""Which figures the rules leave possible for each child of one rest, as unions of ranges, exactly.

A table of children is possible when folding it would give the rest that is seen. Folding (docs/design, section 6):
children below their `small` are withheld; while the rest is too small or holds fewer than three, the smallest of the
others joins. So all of a rest of three but one may have joined; of a larger rest at most one, and what was there before
was too small a rest. A rest that would have exposed a child is joined by one more, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

Ranges = list[tuple[int, int]]
CHECKED = 4  # children of a rest up to which one more joins when the rules expose a child
LEAST = 3  # children of a rest


@dataclass(frozen=True)
class Group:
    """A rest as one knower sees it. Per child: own (known persons), small, joined (most, if it joined), in code order.

    total: the sum of what the knower does not know. floor is 0 for a reader.
    """

    own: tuple[int, ...]
    small: tuple[int, ...]
    joined: tuple[int, ...]
    total: int
    k: int
    floor: int

    @property
    def limit(self) -> int:
        """Figures below it are small groups."""
        return self.floor or self.k

    def enough(self, unknown: int, children: tuple[int, ...]) -> bool:
        """Whether these children, with so many unknown persons among them, make a rest that may be shown."""
        return sum(self.own[i] for i in children) + unknown >= self.k and unknown >= self.floor


def feasible_values(group: Group) -> list[set[int]]:
    """For each child its possible figures, or two of them where there are more."""
    return [_first_two(ranges) for ranges in _feasible_ranges(group)]


def exposed(group: Group) -> bool:
    """Whether the rules leave some child one figure, and that a small group."""
    return any(len(values) == 1 and 0 < min(values) < group.limit for values in feasible_values(group))


def follows(group: Group, unknown: tuple[int, ...]) -> bool:
    """Whether a table of the unknown persons is one that these rules would give, no other MNO being in the way.

    Where it is not, what they leave possible is not the truth, and nobody who trusts them learns anything.
    """
    children = tuple(range(len(unknown)))
    joined = tuple(i for i in children if unknown[i] >= group.small[i])
    if any(unknown[i] > group.joined[i] for i in joined):
        return False
    if len(unknown) <= LEAST or not joined:
        return len(joined) < len(unknown)
    others = tuple(i for i in children if i != joined[0])
    before = sum(unknown[i] for i in others)
    if len(joined) > 1 or not group.enough(before, others):
        return len(joined) == 1
    return len(unknown) <= CHECKED + 1 and exposed(_before_joining(group, joined[0], unknown[joined[0]]))


def _feasible_ranges(group: Group) -> list[Ranges]:
    n = len(group.own)
    if n == LEAST:
        return [list(_of_three(group, i)) for i in range(n)]
    ranges: list[Ranges] = [[] for _ in range(n)]
    _nobody_joined(group, ranges)
    for j in range(n):
        _one_joined(group, j, ranges)
    if n <= CHECKED + 1 and any(len(_first_two(of_child)) == 1 for of_child in ranges):
        for j in range(n):
            _one_joined_an_exposed_rest(group, j, ranges)
    return ranges


def _first_two(ranges: Ranges) -> set[int]:
    found: set[int] = set()
    for low, high in ranges:
        found |= {low, min(low + 1, high)} | {high}
        if len(found) > 1:
            return set(sorted(found)[:2])
    return found


def _of_three(group: Group, i: int) -> Iterator[tuple[int, int]]:
    """Each child up to the greater of its two bounds, if not all three are publishable."""
    j, h = (other for other in range(LEAST) if other != i)
    most = [max(small - 1, joined) for small, joined in zip(group.small, group.joined, strict=True)]
    low = max(0, group.total - most[j] - most[h])
    high = min(most[i], group.total)
    if low <= min(high, group.small[i] - 1):
        yield low, min(high, group.small[i] - 1)
    for value in range(max(low, group.small[i]), high + 1):
        if any(_splits(group.total - value, group.small[a] - 1, most[b]) for a, b in ((j, h), (h, j))):
            yield value, value
            return  # one figure of those that joined is enough to tell


def _splits(total: int, most_of_one: int, most_of_other: int) -> bool:
    return max(0, total - most_of_other) <= min(most_of_one, total)


def _nobody_joined(group: Group, ranges: list[Ranges]) -> None:
    room = sum(group.small) - len(group.small)
    if group.total > room:
        return
    for i, small in enumerate(group.small):
        ranges[i].append((max(0, group.total - (room - (small - 1))), min(small - 1, group.total)))


def _one_joined(group: Group, j: int, ranges: list[Ranges]) -> None:
    """Child j joined what the others made, which was too small a rest."""
    others = tuple(i for i in range(len(group.own)) if i != j)
    room = sum(group.small[i] - 1 for i in others)
    too_few = max(group.k - 1 - sum(group.own[i] for i in others), group.floor - 1)
    least = max(0, group.total - group.joined[j])
    most = min(group.total - group.small[j], too_few, room)
    if least > most:
        return
    ranges[j].append((group.total - most, group.total - least))
    for i in others:
        elsewhere = room - (group.small[i] - 1)
        ranges[i].append((max(0, least - elsewhere), min(group.small[i] - 1, most)))


def _one_joined_an_exposed_rest(group: Group, j: int, ranges: list[Ranges]) -> None:
    """Child j joined because what the others made, large enough, would have exposed one of them."""
    others = tuple(i for i in range(len(group.own)) if i != j)
    for value in range(group.small[j], min(group.joined[j], group.total) + 1):
        if not group.enough(group.total - value, others):
            break
        before = _before_joining(group, j, value)
        if exposed(before):
            ranges[j].append((value, value))
            for i, of_child in zip(others, _feasible_ranges(before), strict=True):
                ranges[i] += of_child


def _before_joining(group: Group, j: int, value: int) -> Group:
    """The rest that child j joined with so many unknown persons, when j was the smallest shown."""
    others = tuple(i for i in range(len(group.own)) if i != j)
    smallest = value + group.own[j]
    return replace(
        group,
        own=tuple(group.own[i] for i in others),
        small=tuple(group.small[i] for i in others),
        joined=tuple(smallest - group.own[i] - (i > j) for i in others),
        total=group.total - value,
    )
