"""Gates: the grammar of --fail-on, and what each of its measures is."""

import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancekit import Labels, OptionError, analyze
from balancekit.analysis import ISSUE_KINDS
from balancekit.cli.gate import MOST_OPEN, OPERATORS, parse_gate
from balancekit.cli.measures import MEASURES, measure_names, values_of, when_known
from balancekit.cli.verdicts import judge_gates

VALUES = {"ir": 20.0, "few": 2, "js": None, "gini": 0.5, "BK104": 1}

HOLDS = {
    "above": ("ir > 10", True),
    "not above": ("ir > 20", False),
    "at least": ("ir >= 20", True),
    "at most": ("ir<=19.9", False),
    "equal": ("few == 2", True),
    "unequal": ("few != 2", False),
    "below": ("gini < .6", True),
    "an exponent and a sign": ("ir > -1.5e-3", True),
    "a code": ("BK104 > 0", True),
    "and": ("ir > 10 and few > 2", False),
    "or": ("ir > 30 or few > 1", True),
    "and binds closer than or": ("ir > 1 or ir > 1 and few > 99", True),
    "brackets bind closer": ("(ir > 1 or ir > 1) and few > 99", False),
    "not": ("not ir > 10", False),
    "not binds closest": ("not ir > 30 and few > 1", True),
    "not twice": ("not not (ir > 10)", True),
    "no space": ("(ir>10)and(few>1)", True),
    "unknown": ("js > 0.1", None),
    "not unknown": ("not js > 0.1", None),
    "unknown and true": ("js > 0.1 and ir > 10", None),
    "unknown and false": ("js > 0.1 and ir > 30", False),
    "unknown or true": ("js > 0.1 or ir > 10", True),
    "unknown or false": ("js > 0.1 or ir > 30", None),
}


@pytest.mark.parametrize(("text", "holds"), HOLDS.values(), ids=HOLDS.keys())
def test_gate_holds(text, holds):
    assert parse_gate(text, VALUES).holds(VALUES) is holds


REFUSED = {
    "nothing": ("", "expected a measure such as ir at column 1, got the end"),
    "spaces": ("   ", "column 4, got the end"),
    "no operator": ("ir", "expected one of >=, <=, ==, !=, >, < at column 3, got the end"),
    "no number": ("ir >", "expected a number at column 5, got the end"),
    "a word for a number": ("ir > gini", "expected a number at column 6, got 'gini'"),
    "one equals sign": ("ir = 3", "column 4, got '='"),
    "two comparisons": ("ir > 3 few > 0", "expected 'and', 'or' or the end at column 8, got 'few'"),
    "a chain": ("1 < ir < 3", "expected a measure such as ir at column 1, got '1'"),
    "an open bracket": ("(ir > 3", "expected ')' at column 8, got the end"),
    "a closed bracket": ("ir > 3)", "at column 7, got ')'"),
    "nothing to negate": ("not", "at column 4, got the end"),
    "a dangling and": ("ir > 3 and", "at column 11, got the end"),
    "a number with a tail": ("ir > 3x", "expected a number at column 6, got '3'"),
    "infinity": ("ir > inf", "expected a number at column 6, got 'inf'"),
    "code": ("__import__('os')", "at column 1, got '__import__'"),
    "another alphabet": ("ір > 3", "at column 1, got 'і'"),
    "misspelt": ("gni > 3", "got 'gni'. Did you mean 'gini'? There are few, gini, ir, js"),
    "a code misspelt": ("BK105 > 3", "Did you mean 'BK104'?"),
    "nowhere near": ("xyzzy > 3", "got 'xyzzy'. There are few"),
    "too deep": ("(" * 5000, f"expected at most {MOST_OPEN} open brackets at column 51, got '('"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_gate_is_refused_with_its_column(text, words):
    with pytest.raises(OptionError) as caught:
        parse_gate(text, VALUES)
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"--fail-on {text!r}: expected ")


PIECES = ["ir", "few", "js", "and", "or", "not", "(", ")", ">", "<=", "==", "1", "-2.5", " ", "\t"]
TEXTS = st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=30).map(" ".join))


@given(TEXTS)
def test_any_text_is_a_gate_or_is_refused_with_a_column_of_it(text):
    try:
        gate = parse_gate(text, VALUES)
    except OptionError as error:
        column = int(str(error).split(" at column ")[-1].split(",")[0])
        assert 1 <= column <= len(text) + 1
    else:
        assert gate.holds(VALUES) in (True, False, None)
        assert set(gate.names()) <= set(VALUES)


COMPARISONS = st.tuples(
    st.sampled_from(["ir", "few", "gini"]), st.sampled_from(list(OPERATORS)), st.integers(-3, 30)
).map(lambda parts: (" ".join(map(str, parts)), OPERATORS[parts[1]](VALUES[parts[0]], parts[2])))


def _joined(word, judge):
    return lambda sides: (
        f"({sides[0][0]}) {word} ({sides[1][0]})",
        judge(sides[0][1], sides[1][1]),
    )


CONDITIONS = st.recursive(
    COMPARISONS,
    lambda inner: st.one_of(
        inner.map(lambda part: (f"not ({part[0]})", not part[1])),
        st.tuples(inner, inner).map(_joined("and", operator.and_)),
        st.tuples(inner, inner).map(_joined("or", operator.or_)),
    ),
    max_leaves=12,
)


@given(CONDITIONS)
def test_gate_means_what_logic_says(condition):
    text, holds = condition
    assert parse_gate(text, VALUES).holds(VALUES) is holds


@given(st.lists(st.sampled_from(["ir > 10", "few > 2", "not gini > 0.1"]), min_size=1, max_size=6))
def test_gate_without_brackets_means_what_python_says(parts):
    words = ["and", "or"] * 3
    text = " ".join(word for pair in zip(parts, words, strict=False) for word in pair)
    text = text.rsplit(" ", 1)[0]
    assert parse_gate(text, VALUES).holds(VALUES) is eval(text, {}, dict(VALUES))


@pytest.fixture(scope="module")
def values():
    return values_of(analyze(Labels.from_names(["a"] * 30 + ["b"] * 3 + [None])))


KNOWN = {
    "ir": 10.0,
    "imbalance_ratio": 10.0,
    "n_classes": 2,
    "n_empty_classes": 0,
    "few": 1,
    "min_count": 3,
    "max_count": 30,
    "n_samples": 34,
    "n_unlabelled": 1,
    "BK104": 1,
    "BK105": 1,
    "BK101": 0,
    "errors": 0,
    "warnings": 2,
}


@pytest.mark.parametrize(("name", "value"), KNOWN.items(), ids=KNOWN.keys())
def test_measure_has_its_value(name, value, values):
    assert values[name] == value


UNKNOWN = ["js", "psi", "leaks", "near_leaks", "duplicates", "shortcuts", "scumble", "mean_ir"]


@pytest.mark.parametrize("name", [*UNKNOWN, "share_empty_bins", "BK404", "BK405", "BK407"])
def test_measure_that_was_not_looked_for_is_unknown_and_says_when_it_is_known(name, values):
    assert values[name] is None
    assert when_known(name) != when_known("ir")


def test_evenness_of_one_class_is_unknown_and_says_why():
    one = values_of(analyze(Labels.from_names(["a"] * 30)))
    assert (one["entropy"], one["ir"]) == (None, 1.0)
    assert when_known("entropy") == "with two classes or more"


def test_recall_is_judged_only_where_samples_are_held_out(values):
    assert values["BK408"] is None
    assert when_known("BK408") == "with a split for validation or test"


def test_every_measure_and_code_can_be_named(values):
    assert set(values) == set(measure_names()) == {*MEASURES, *ISSUE_KINDS}


def test_gate_that_cannot_be_judged_is_refused_and_those_that_failed_are_told():
    gates = [parse_gate(text, VALUES) for text in ("js > 0.1", "ir > 10", "few > 99")]
    with pytest.raises(OptionError) as caught:
        judge_gates(gates, VALUES, when_known)
    assert str(caught.value).splitlines() == [
        "--fail-on 'js > 0.1': cannot be judged: js is known only with another split that has "
        "labels.",
        "--fail-on 'ir > 10': ir is 20",
    ]
    assert judge_gates(gates[1:], VALUES, when_known) == ["--fail-on 'ir > 10': ir is 20"]
