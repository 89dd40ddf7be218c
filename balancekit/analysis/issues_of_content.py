"""Issues of what the samples show: repeats, conflicts, leaks, and quality as a shortcut."""

from collections.abc import Iterator, Mapping, Sequence

from balancekit.analysis.duplicates import ContentGroup, Repeats
from balancekit.analysis.issue_kinds import issue_of
from balancekit.stats import Issue, Problem, Sighting, Stats

__all__ = ["content_issues"]

N_EXAMPLES = 5


def content_issues(stats: Stats, repeats: Repeats | None) -> Iterator[Issue]:
    """Issues of contents, as far as they were looked at."""
    if repeats is not None:
        yield from _leaking("BK404", repeats.leaks, repeats.exact, repeats.split)
        yield from _leaking("BK409", repeats.near_leaks, repeats.near, repeats.split)
        yield from _repeating(repeats)
        conflicts = [group for group in repeats.exact if group.conflicts()]
        if conflicts:
            examples = tuple(_conflict_text(group) for group in _largest_first(conflicts))
            yield issue_of("BK406", Problem(count=len(conflicts), examples=examples))
        yield from _nearly_repeating(repeats)
    if stats.quality is not None and stats.quality.shortcuts:
        found = stats.quality.shortcuts
        unit_of = {measure.name: measure.unit for measure in stats.quality.measures}
        examples = tuple(
            f"{s.class_name}: {s.measure} {_short(s.median)} against "
            f"{_short(s.median_of_others)} {unit_of[s.measure]} (AUC {max(s.auc, 1 - s.auc):.2f})"
            for s in found[:N_EXAMPLES]
        )
        count = len({shortcut.class_name for shortcut in found})
        yield issue_of("BK407", Problem(count=count, examples=examples))


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _leaking(
    code: str,
    leaks: Mapping[str, frozenset[Sighting]],
    groups: Sequence[ContentGroup],
    split: str,
) -> Iterator[Issue]:
    """Samples of other splits that the measured split has too."""
    count = sum(map(len, leaks.values()))
    if not count:
        return
    pairs = []
    for group in groups:
        sign = "≈" if group.near else "="
        ours = group.of_split(split)[0]
        pairs += [
            f"{_told(sighting)} {sign} {_told(ours)}"
            for sighting in group.sightings
            if sighting in leaks.get(sighting.split, ())
        ]
    yield issue_of(code, Problem(count=count, examples=tuple(sorted(pairs)[:N_EXAMPLES])))


def _told(sighting: Sighting) -> str:
    return f"{sighting.sample} ({sighting.split})" if sighting.split else sighting.sample


def _repeating(repeats: Repeats) -> Iterator[Issue]:
    """Samples that repeat another of their class, by class, the largest share first."""
    by_class = repeats.repeats_per_class()
    if not by_class:
        return
    seen = repeats.seen_per_class
    listed = sorted(by_class, key=lambda name: (-by_class[name] / seen[name], name))
    examples = tuple(f"{name} ({by_class[name]:,} of {seen[name]:,})" for name in listed)
    yield issue_of("BK405", Problem(count=repeats.n_repeats(), examples=examples[:N_EXAMPLES]))


def _nearly_repeating(repeats: Repeats) -> Iterator[Issue]:
    """Near groups within the measured split, and those under different classes."""
    if groups := repeats.near_repeats():
        examples = tuple(
            " ≈ ".join(sighting.sample for sighting in group.of_split(repeats.split)[:2])
            for group in _largest_first(groups)
        )
        count = sum(group.n_own_contents - 1 for group in groups)
        yield issue_of("BK410", Problem(count=count, examples=examples))
    if conflicts := repeats.near_conflicts():
        examples = tuple(_conflict_text(group) for group in _largest_first(conflicts))
        yield issue_of("BK411", Problem(count=len(conflicts), examples=examples))


def _largest_first(groups: Sequence[ContentGroup]) -> list[ContentGroup]:
    ranked = sorted(groups, key=lambda group: (-len(group.sightings), group.sightings))
    return ranked[:N_EXAMPLES]


def _conflict_text(group: ContentGroup) -> str:
    """One sample of each set of classes: `a.jpg (cat) = b.jpg (dog)`; ≈ if nearly the same."""
    one_of: dict[str, str] = {}
    for sighting in group.sightings:
        if sighting.class_name:
            inside = f", in {sighting.split}" if sighting.split else ""
            one_of.setdefault(
                sighting.class_name, f"{sighting.sample} ({sighting.class_name}{inside})"
            )
    return (" ≈ " if group.near else " = ").join(list(one_of.values())[:3])
