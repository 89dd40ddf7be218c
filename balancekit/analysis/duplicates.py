"""Samples that share their content: repeats, conflicts of classes, leaks between splits.

A content is known by a fingerprint of its bytes ("exact:…"), and a picture besides by a print
("near:hash:cells"): a difference hash of 64 bits, of which nearly the same pictures have nearly
all in common, and the grey levels of 12 × 12 cells, 4 bits each, which confirm it. Source of the
hash: Krawetz, Kind of like that (2013).
"""

import base64
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from balancekit.analysis.near_contents import near_groups
from balancekit.stats import DuplicateGroup, Duplicates, Sighting

__all__ = ["ContentGroup", "Repeats", "find_repeats", "measure_duplicates"]

EXACT, NEAR = "exact:", "near:"
N_GROUPS, N_SIGHTINGS = 20, 12


@dataclass(frozen=True, kw_only=True)
class ContentGroup:
    """Samples of one content, or of contents that are nearly the same.

    Attributes:
        sightings: one of each sample, in order.
        n_contents: different contents among them.
        n_own_contents: different contents among those of the measured split.
    """

    sightings: tuple[Sighting, ...]
    n_contents: int = 1
    n_own_contents: int = 1

    @property
    def near(self) -> bool:
        """Whether the contents differ, if little."""
        return self.n_contents > 1

    def of_split(self, split: str) -> tuple[Sighting, ...]:
        """The samples of one split."""
        return tuple(sighting for sighting in self.sightings if sighting.split == split)

    def conflicts(self) -> bool:
        """Whether the samples, as far as they have any class, carry different ones."""
        return len({s.class_name for s in self.sightings if s.class_name}) > 1

    def splits(self) -> frozenset[str]:
        """Where the samples lie."""
        return frozenset(sighting.split for sighting in self.sightings)


@dataclass(frozen=True, kw_only=True)
class Repeats:
    """All that the sightings of all splits tell.

    Attributes:
        split: the measured one.
        class_names: of its classes.
        exact: groups of the same content that the measured split has a part in; near: of
            nearly the same.
        seen_per_class: samples of the measured split whose content was looked at, by class.
        n_compared: such samples in all.
        leaks: samples of each other split whose content the measured one has; near_leaks:
            of the rest, those whose content it nearly has.
        near_known: whether nearly the same contents were looked for.
    """

    split: str
    class_names: frozenset[str]
    exact: tuple[ContentGroup, ...]
    near: tuple[ContentGroup, ...]
    seen_per_class: Mapping[str, int]
    n_compared: int
    leaks: Mapping[str, frozenset[Sighting]]
    near_leaks: Mapping[str, frozenset[Sighting]]
    near_known: bool

    def repeats_per_class(self) -> Counter[str]:
        """Samples of the measured split that repeat another of their class exactly."""
        repeats: Counter[str] = Counter()
        for group in self.exact:
            carried = Counter(
                name
                for sighting in group.of_split(self.split)
                for name in _carried(sighting.class_name, self.class_names)
            )
            repeats.update({name: n - 1 for name, n in carried.items() if n > 1})
        return repeats

    def near_repeats(self) -> tuple[ContentGroup, ...]:
        """Groups of which the measured split holds two contents or more."""
        return tuple(group for group in self.near if group.n_own_contents > 1)

    def near_conflicts(self) -> tuple[ContentGroup, ...]:
        """Near groups of which the samples have no class in common, as far as they have any.

        Frames of one film may show a cat more or less: sets of labels need not be the same.
        """
        return tuple(group for group in self.near if self._have_nothing_common(group))

    def _have_nothing_common(self, group: ContentGroup) -> bool:
        names = {sighting.class_name for sighting in group.sightings if sighting.class_name}
        carried = [frozenset(_carried(name, self.class_names)) for name in names]
        return bool(carried) and not frozenset.intersection(*carried)

    def n_repeats(self) -> int:
        """Samples of the measured split beyond the first of each exact group and label."""
        return sum(
            n - 1
            for group in self.exact
            for n in Counter(s.class_name for s in group.of_split(self.split)).values()
        )


def _carried(class_name: str, known: Collection[str]) -> Sequence[str]:
    """The classes that a sighting names: one, or several joined; none if it has none."""
    parts = class_name.split(", ")
    several = class_name not in known and all(part in known for part in parts)
    return parts if several else [class_name] if class_name else []


def find_repeats(
    sightings: Iterable[Mapping[str, tuple[Sighting, ...]]],
    split: str,
    others: Collection[str],
    class_names: Collection[str],
    seen_once: Mapping[str, int] = MappingProxyType({}),
) -> Repeats | None:
    """Groups of the same and of nearly the same content; None if no content was looked at.

    Args:
        sightings: of the measured split and of the others, by fingerprint.
        split: by which sightings name the measured split.
        others: names of the other splits.
        class_names: of the measured split.
        seen_once: samples of the measured split without a sighting, as no other has their
            content, by class.
    """
    merged: dict[str, list[Sighting]] = {}
    for part in sightings:
        for key, seen in part.items():
            merged.setdefault(key, []).extend(seen)
    if not merged and not seen_once:
        return None
    # Sorted: no order of merging may show, not even where a sample was listed twice.
    ordered = {key: sorted(seen) for key, seen in sorted(merged.items())}
    contents = {key: seen for key, seen in ordered.items() if key.startswith(EXACT)}
    prints = {key: seen for key, seen in ordered.items() if key.startswith(NEAR)}
    exact = tuple(_exact_groups(contents, split))
    near = tuple(_near_groups(prints, contents, split))
    leaks = _leaks(exact, split, others)
    of_near = _leaks(near, split, others)
    known = frozenset(class_names)
    ours = [s for seen in (contents or prints).values() for s in seen if s.split == split]
    return Repeats(
        split=split,
        class_names=known,
        exact=exact,
        near=near,
        seen_per_class=_seen_per_class(ours, seen_once, known),
        n_compared=len(ours) + sum(seen_once.values()),
        leaks=leaks,
        near_leaks={name: samples - leaks[name] for name, samples in of_near.items()},
        near_known=bool(prints),
    )


def _seen_per_class(
    ours: Iterable[Sighting], seen_once: Mapping[str, int], known: Collection[str]
) -> Counter[str]:
    """Samples of the measured split whose content was looked at, by class."""
    seen = Counter(sighting.class_name for sighting in ours)
    seen.update(seen_once)
    per_class: Counter[str] = Counter()
    for joined, n_samples in seen.items():
        per_class.update(dict.fromkeys(_carried(joined, known), n_samples))
    return per_class


def _exact_groups(contents: Mapping[str, Sequence[Sighting]], split: str) -> Iterator[ContentGroup]:
    for seen in contents.values():
        if len(seen) > 1:
            group = ContentGroup(sightings=tuple(seen))
            if split in group.splits():
                yield group


def _near_groups(
    prints: Mapping[str, Sequence[Sighting]],
    contents: Mapping[str, Sequence[Sighting]],
    split: str,
) -> Iterator[ContentGroup]:
    """Groups of different contents whose prints are the same, or nearly so."""
    if not prints:
        return
    content_of = {(s.split, s.sample): key for key, seen in contents.items() for s in seen}
    by_print = list(prints.items())
    hashes, cells = _read_prints(list(prints))
    n_samples = np.array([len(seen) for _, seen in by_print], np.int64)
    for group in near_groups(hashes, cells, n_samples):
        seen = sorted(sighting for i in group for sighting in by_print[i][1])
        found_in = {s: content_of.get((s.split, s.sample), f"{s.split}/{s.sample}") for s in seen}
        found = ContentGroup(
            sightings=tuple(seen),
            n_contents=len(set(found_in.values())),
            n_own_contents=len({key for s, key in found_in.items() if s.split == split}),
        )
        if found.near and split in found.splits():
            yield found


def _read_prints(names: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.uint8]]:
    """Hash and grey levels of the cells by the name of each print: [n] and [n, n_cells]."""
    parts = [name.removeprefix(NEAR).split(":") for name in names]
    packed = b"".join(base64.b64decode(cells) for _, cells in parts)
    pairs = np.frombuffer(packed, np.uint8).reshape(len(parts), -1)
    hashes = np.array([int(number, 16) for number, _ in parts], np.uint64)
    return hashes, np.stack([pairs >> 4, pairs & 15], axis=2).reshape(len(parts), -1)


def _leaks(
    groups: Iterable[ContentGroup], split: str, others: Collection[str]
) -> dict[str, frozenset[Sighting]]:
    """Samples of each other split in groups that the measured split has a part in."""
    leaks: dict[str, set[Sighting]] = {name: set() for name in others}
    for group in groups:
        for sighting in group.sightings:
            if sighting.split != split and sighting.split in leaks:
                leaks[sighting.split].add(sighting)
    return {name: frozenset(samples) for name, samples in leaks.items()}


def measure_duplicates(repeats: Repeats, class_names: tuple[str, ...]) -> Duplicates:
    """How many samples of the measured split repeat another, and the groups to look at."""
    by_class = repeats.repeats_per_class()
    seen = repeats.seen_per_class
    listed = sorted([*repeats.exact, *repeats.near], key=_first_to_look_at)
    return Duplicates(
        n_compared=repeats.n_compared,
        n_exact=sum(max(0, len(group.of_split(repeats.split)) - 1) for group in repeats.exact),
        n_near=sum(group.n_own_contents - 1 for group in repeats.near_repeats()),
        n_conflicts=sum(group.conflicts() for group in repeats.exact),
        n_near_conflicts=len(repeats.near_conflicts()),
        share_per_class=tuple(by_class[name] / max(1, seen.get(name, 0)) for name in class_names),
        n_groups=len(listed),
        groups=tuple(
            DuplicateGroup(
                near=group.near, n_samples=len(group.sightings), sightings=_varied(group)
            )
            for group in listed[:N_GROUPS]
        ),
    )


def _first_to_look_at(group: ContentGroup) -> tuple[bool, bool, bool, int, tuple[Sighting, ...]]:
    return (
        not group.conflicts(),
        len(group.splits()) < 2,
        group.near,
        -len(group.sightings),
        group.sightings,
    )


def _varied(group: ContentGroup) -> tuple[Sighting, ...]:
    """A few sightings, of as many splits and classes as there are."""
    first: dict[tuple[str, str], Sighting] = {}
    for sighting in group.sightings:
        first.setdefault((sighting.split, sighting.class_name), sighting)
    chosen = [*first.values(), *(s for s in group.sightings if s not in first.values())]
    return tuple(sorted(chosen[:N_SIGHTINGS]))
