"""What each measure of an analysis is: in words, as a formula, and where it comes from."""

from collections.abc import Iterator
from dataclasses import dataclass

from balancekit.stats import Stats

__all__ = ["Method", "methods_of"]


@dataclass(frozen=True)
class Method:
    """One measure.

    Attributes:
        name: of the measure.
        meaning: in words.
        formula: with n_c the count of a class, N their sum, p = n_c / N, K all classes.
        unit: and range.
        source: who proposed it.
    """

    name: str
    meaning: str
    formula: str
    unit: str
    source: str


BALANCE = (
    Method(
        "Imbalance ratio",
        "Largest class over smallest; classes without any are left out and counted apart.",
        "max n_c / min n_c, over n_c > 0",
        "≥ 1, 1 is balanced",
        "Buda, Maki & Mazurowski, Neural Networks 106 (2018)",
    ),
    Method(
        "Normalised entropy",
        "How evenly the classes share the whole, classes without any included.",
        "−Σ p ln p / ln K",
        "0 to 1, 1 is balanced",
        "Pielou, Journal of Theoretical Biology 13 (1966)",
    ),
    Method(
        "Effective classes",
        "How many equally large classes would be as diverse.",
        "exp(−Σ p ln p); by order 2: 1 / Σ p²",
        "classes, 1 to K",
        "Hill, Ecology 54 (1973)",
    ),
    Method(
        "Gini coefficient",
        "How far the counts are from equal, over all classes in rising order.",
        "Σ_i (2i − K − 1) n_(i) / (K N)",
        "0 is balanced, (K − 1) / K is one class",
        "Yang et al., arXiv 2205.13775 (2022)",
    ),
    Method(
        "Many, medium, few",
        "Groups of classes by their samples; results of long-tailed learning are told by group.",
        "over 100; 20 to 100; under 20 samples",
        "classes",
        "Liu et al., Large-scale long-tailed recognition in an open world, CVPR 2019",
    ),
)
IMBALANCE_DEGREE = Method(
    "Imbalance degree",
    "Its whole part tells how many classes have less than their share, m of them under 1 / K; "
    "the rest how far they are from it, by total variation.",
    "(m − 1) + ½ Σ |p − 1 / K| · K / m",
    "0 to K − 1, 0 is balanced",
    "Ortigosa-Hernández, Inza & Lozano, Pattern Recognition Letters 98 (2017)",
)
LRID = Method(
    "LRID",
    "Likelihood ratio of the counts against equal ones: N times what the entropy H says.",
    "2 N (ln K − H)",
    "nats, 0 is balanced",
    "Zhu et al., Pattern Recognition Letters 116 (2018)",
)
EFFECTIVE_NUMBER = Method(
    "Effective number of samples",
    "What samples are worth when each new one overlaps more with those before.",
    "(1 − βⁿ) / (1 − β), β = 1 − 1 / N",
    "samples, 1 to n",
    "Cui et al., Class-balanced loss, CVPR 2019",
)
REPEAT_FACTOR = Method(
    "Repeat factor",
    "Draws of a sample an epoch under repeat-factor sampling, f the share of samples with it.",
    "max(1, √(0.001 / f))",
    "draws, ≥ 1",
    "Gupta, Dollár & Girshick, LVIS, CVPR 2019",
)
MEDIAN_FREQUENCY = Method(
    "Median-frequency weight",
    "Weight of a class in the loss; its frequency counts the pictures that show it alone.",
    "median(freq) / freq_c",
    "factor",
    "Eigen & Fergus, ICCV 2015",
)
IRLBL = Method(
    "IRLbl, MeanIR, CVIR",
    "Imbalance of each label against the largest; its mean, and its spread over the mean.",
    "IRLbl = max n / n_l",
    "≥ 1",
    "Charte et al., Neurocomputing 163 (2015)",
)
MULTILABEL = (
    Method(
        "Cardinality and density",
        "Labels a sample, on average; and as a share of all classes.",
        "Σ |labels| / n; that / K",
        "labels; 0 to 1",
        "Tsoumakas & Katakis, IJDWM 3 (2007)",
    ),
    Method(
        "SCUMBLE",
        "How far rare labels share their samples with common ones: where they do, drawing a "
        "rare label more often draws the common one too.",
        "mean of 1 − GM(IRLbl) / AM(IRLbl), over the labels of each labelled sample",
        "0 to 1",
        "Charte et al., HAIS 2014",
    ),
    Method(
        "Jaccard index and lift",
        "How closely two classes go together.",
        "n_ab / (n_a + n_b − n_ab); n_ab n / (n_a n_b)",
        "0 to 1; 1 is independence",
        "Jaccard (1901); Brin et al., SIGMOD 1997",
    ),
)
SIZES = Method(
    "Small, medium, large",
    "Boxes by their area, as COCO evaluates them.",
    "area under 32²; up to 96²; beyond",
    "px²",
    "Lin et al., Microsoft COCO, ECCV 2014",
)
REGRESSION = Method(
    "Label density",
    "Samples by bins of the target; bins with few are regions that a model hardly sees.",
    "samples of each bin; share of bins without any",
    "samples",
    "Yang et al., Delving into deep imbalanced regression, ICML 2021",
)
RECALL = Method(
    "Confidence of recall",
    "Where the recall of a class lies if 80 % of its held-out samples are found.",
    "Wilson's 95 % interval of 0.8 n in n",
    "share",
    "Wilson, Journal of the American Statistical Association 22 (1927)",
)
SHIFT = (
    Method(
        "Jensen–Shannon divergence",
        "How differently two splits are distributed over the classes.",
        "H((p + q) / 2) − (H(p) + H(q)) / 2, log₂",
        "bits, 0 to 1",
        "Lin, IEEE Transactions on Information Theory 37 (1991)",
    ),
    Method(
        "Population stability index",
        "The same in another scale, more sensitive to rare classes.",
        "Σ (p − q) ln(p / q), half a sample added to each class",
        "nats, ≥ 0",
        "Siddiqi, Credit risk scorecards (2006)",
    ),
    Method(
        "Null interval of shift",
        "What the divergence would be by chance: small splits always look shifted.",
        "95th percentile over both splits dealt anew at their sizes",
        "as the measure",
        "Davison & Hinkley, Bootstrap methods and their application (1997)",
    ),
)
DUPLICATES = Method(
    "Duplicates",
    "Samples of the same bytes; pictures are nearly the same if hash and cells both agree.",
    "fingerprint of the bytes; difference hash within 6 of 64 bits, and 12 × 12 grey levels "
    "that correlate at 0.97",
    "samples",
    "Krawetz, Kind of like that (2013)",
)
QUALITY = (
    Method(
        "Blur",
        "Low for blurred pictures, high for sharp ones.",
        "variance of the Laplacian of the luma, at 256 px at most",
        "grey levels²",
        "Pech-Pacheco et al., ICPR 2000",
    ),
    Method(
        "Noise",
        "Deviation of the noise, estimated where edges hardly act.",
        "1.4826 · median |response to Immerkær's mask| / norm of the mask",
        "grey levels",
        "Immerkær, CVIU 64 (1996), with the median for the mean",
    ),
)
SHORTCUT = Method(
    "Shortcut",
    "How well one measure of quality alone tells a class from all others.",
    "AUC: share of pairs in which the picture of the class lies above",
    "0.5 is none, 0 or 1 is sure",
    "Hanley & McNeil, Radiology 143 (1982); Geirhos et al., Nature Machine Intelligence 2 (2020)",
)


def methods_of(stats: Stats) -> tuple[Method, ...]:
    """The measures that the page of an analysis shows, in its order."""
    return tuple(_shown(stats))


def _shown(stats: Stats) -> Iterator[Method]:
    table, balance = stats.per_class, stats.balance
    yield from BALANCE
    if balance.imbalance_degree is not None:
        yield IMBALANCE_DEGREE
    if balance.lrid is not None:
        yield LRID
    optional = (
        (table.effective_number, EFFECTIVE_NUMBER),
        (table.repeat_factor, REPEAT_FACTOR),
        (table.median_frequency_weight, MEDIAN_FREQUENCY),
        (table.irlbl, IRLBL),
    )
    yield from (method for values, method in optional if values)
    if stats.multilabel is not None:
        yield from MULTILABEL
    if table.small:
        yield SIZES
    if stats.regression is not None:
        yield REGRESSION
    if table.held_out:
        yield RECALL
    if stats.splits:
        yield from SHIFT
    if stats.duplicates is not None:
        yield DUPLICATES
    if stats.quality is not None:
        yield from QUALITY
        yield SHORTCUT
