"""Pictures of the losses, computed from the losses themselves; docs/make.py writes them."""

import numpy as np
import torch
from torch import Tensor

import balancekit.losses as bl
from balancekit.report.line_plot import Scale, line_plot
from balancekit.weights import effective_number_weights, pos_weight, power_weights
from balancekit.weights.density import dense_weights, lds_weights

# The colours of a picture that stands alone, in light and in dark.
STYLE = (
    "<style>:root{--paper:#ffffff}@media (prefers-color-scheme:dark){:root{--paper:#10161f;"
    "--ink:#e6e9ee;--soft:#a3adba;--faint:#354050;--one:#f59e0b;--two:#60a5fa;--three:#34d399}}"
    '</style><rect width="100%" height="100%" fill="var(--paper)"/>'
)

P = np.linspace(0.005, 0.995, 199)
OF_P = Scale(title="p of the true label", low=0, high=1)
OF_SIGMOID = Scale(title="p = sigmoid(z)", low=0, high=1)
FACTOR = "pull at the true label, against cross-entropy"
COUNTS = np.geomspace(5, 5000, 31).round()
OF_COUNT = Scale(title="samples of the class, log scale", log=True)
WEIGHT = Scale(title="weight, log scale", log=True, low=0.1, high=200)


def pair_pull(loss, p=P, scale=1.0):
    """|∂L/∂z_y| / (1 - p) of two classes, y the first: [n].

    Args:
        loss: from logits [n, 2] and targets [n] to losses [n].
        p: probabilities of the true label without the loss's shifts, [n].
        scale: of the logits inside the softmax.
    """
    half = torch.tensor(np.log(p / (1 - p)) / (2 * scale))
    logits = torch.stack([half, -half], 1).requires_grad_()
    targets = torch.zeros(len(p), dtype=torch.long)
    return -_gradient(loss(logits, targets), logits)[:, 0].numpy() / (scale * (1 - p))


def label_pull(loss, label, p=P):
    """|∂L/∂z| of one sigmoid, against binary cross-entropy: [n]."""
    logits = torch.tensor(np.log(p / (1 - p)))[:, None].requires_grad_()
    labels = torch.full_like(logits, label)
    slope = _gradient(loss(logits, labels), logits)[:, 0].numpy()
    return np.abs(slope) / np.abs(p - label)


def _gradient(losses: Tensor, at: Tensor) -> Tensor:
    return torch.autograd.grad(losses.sum(), at)[0]


def weighted_cross_entropy():
    """Weights n^-exponent by the class count."""
    curves = {
        f"exponent {name}": (COUNTS, power_weights(COUNTS, exponent))
        for name, exponent in (("1", 1.0), ("½", 0.5), ("0", 0.0))
    }
    return line_plot(curves, "Class weights by class size", x=OF_COUNT, y=WEIGHT)


def class_balanced():
    """Weights by the effective number of samples."""
    curves = {
        f"β = {beta:g}": (COUNTS, effective_number_weights(COUNTS, beta))
        for beta in (0.9999, 0.999, 0.99, 0.9)
    }
    return line_plot(curves, "Class-balanced weights by class size", x=OF_COUNT, y=WEIGHT)


def logit_adjusted():
    """Pull at the rare and at the common one of two classes."""
    curves = {}
    for share, name in ((0.01, "class of 1 %"), (0.99, "class of 99 %")):
        for tau, text in ((1.0, "1"), (0.5, "½")):
            loss = bl.LogitAdjustedLoss(np.log([share, 1 - share]), tau, reduction="none")
            curves[f"{name}, τ = {text}"] = (P, pair_pull(loss))
    y = Scale(title=f"{FACTOR}, log scale", log=True, low=0.01, high=100)
    return line_plot(curves, "Logit-adjusted loss of two classes", x=OF_P, y=y)


def vector_scaling():
    """The same under VS and under CDT."""
    curves = {}
    for counts, name in (([1, 99], "class of 1 %"), ([99, 1], "class of 99 %")):
        for gamma, tau, text in ((0.3, 1.0, "VS"), (0.3, 0.0, "CDT")):
            loss = bl.VSLoss.from_counts(counts, gamma=gamma, tau=tau, reduction="none")
            curves[f"{name}, {text}"] = (P, pair_pull(loss))
    y = Scale(title=f"{FACTOR}, log scale", log=True, low=0.01, high=100)
    return line_plot(curves, "Vector scaling of two classes, γ = 0.3", x=OF_P, y=y)


def ldam():
    """Pull under a wide margin and under a narrow one."""
    curves = {}
    for margin, name in ((0.5, "5 samples"), (0.1, "3,125 samples")):
        loss = bl.LDAMLoss([margin, 0.1], scale=10.0, reduction="none")
        curves[name] = (P, pair_pull(loss, scale=10.0))
    y = Scale(title=f"{FACTOR}, log scale", log=True, low=1, high=200)
    return line_plot(curves, "LDAM, s = 10, by samples of the class", x=OF_P, y=y)


def focal():
    """Pull by γ."""
    curves = {
        f"γ = {gamma:g}": (P, pair_pull(bl.FocalLoss(gamma, reduction="none")))
        for gamma in (0.5, 1.0, 2.0, 5.0)
    }
    return line_plot(curves, "Focal loss", x=OF_P, y=Scale(title=FACTOR))


def sigmoid_focal():
    """Pull at label 1 and label 0, with α and without."""
    curves = {}
    for alpha, text in ((0.25, "α = ¼"), (None, "no α")):
        loss = bl.SigmoidFocalLoss(2.0, alpha, reduction="none")
        for label in (1, 0):
            curves[f"label {label}, {text}"] = (P, label_pull(loss, label))
    y = Scale(title="pull, against binary cross-entropy")
    return line_plot(curves, "Focal loss over sigmoids, γ = 2", x=OF_SIGMOID, y=y)


def poly():
    """Pull by ε."""
    curves = {
        f"ε = {epsilon:g}".replace("-", "−"): (P, pair_pull(bl.PolyLoss(epsilon, reduction="none")))
        for epsilon in (5.0, 2.0, -1.0)
    }
    return line_plot(curves, "Poly-1", x=OF_P, y=Scale(title=FACTOR))


def ghm():
    """Of a batch with many sure targets, few between, and some hopeless ones."""
    shares = (np.arange(2000) + 0.5) / 2000
    easy, hard = shares**6, 1 - shares[:100] ** 2
    norms = torch.tensor(np.concatenate([easy, hard]))
    curves = {}
    for n_bins in (30, 10):
        counts = torch.histc(norms, n_bins, 0, 1)
        loss = bl.GHMCLoss(n_bins=n_bins, reduction="none").double()
        loss.counts += counts
        curves[f"{n_bins} bins"] = (P, pair_pull(loss.eval()))
    y = Scale(title=f"{FACTOR}, log scale", log=True, low=0.05, high=10)
    return line_plot(curves, "GHM-C in a batch of many sure and some hopeless targets", x=OF_P, y=y)


def gw():
    """Pull by σ."""
    curves = {
        f"σ = {text}": (P, pair_pull(bl.GWLoss(sigma, reduction="none")))
        for sigma, text in ((1.0, "1"), (0.4, "0.4"), (np.e / 10, "e/10"))
    }
    return line_plot(curves, "Gaussian-weighted loss", x=OF_P, y=Scale(title=FACTOR))


def label_aware_smoothing():
    """Smoothing by the class count."""
    counts = np.arange(5, 5001, 5)
    curves = {
        shape: (counts, bl.label_aware_smoothing(counts, shape=shape))
        for shape in ("concave", "linear", "convex")
    }
    x = Scale(title="samples of the class, of 5 to 5,000", low=0)
    return line_plot(curves, "Label-aware smoothing", x=x, y=Scale(title="smoothing ε"))


def seesaw():
    """Pull beside a rival as frequent and rarer ones."""
    curves = {}
    for counts, text in (([1, 1], "as"), ([10, 1], "1/10 as"), ([100, 1], "1/100 as")):
        loss = bl.SeesawLoss.from_counts(counts, reduction="none").eval()
        curves[f"rival {text} frequent"] = (P, pair_pull(loss))
    title = f"{FACTOR}, log scale; the push at the rival is the same"
    y = Scale(title=title, log=True, low=0.01, high=2)
    return line_plot(curves, "Seesaw loss of two classes", x=OF_P, y=y)


def asymmetric():
    """Pull at label 1 and label 0, with the margin and without."""
    curves = {}
    for gamma, margin, text in ((4.0, 0.05, "γ⁻ = 4, m = 0.05"), (4.0, 0.0, "γ⁻ = 4, m = 0")):
        loss = bl.AsymmetricLoss(0.0, gamma, margin, reduction="none")
        curves[f"label 0, {text}"] = (P, label_pull(loss, 0))
    curves["label 1, γ⁺ = 0"] = (P, label_pull(loss, 1))
    y = Scale(title="pull, against binary cross-entropy")
    return line_plot(curves, "Asymmetric loss", x=OF_SIGMOID, y=y)


def distribution_balanced():
    """Of a rare label and a common one, the other label 1."""
    loss = bl.DistributionBalancedLoss.from_counts([20, 500], 1000, reduction="none")
    curves = {
        "rare, label 1": (P, _db_pull(loss, 0, 1.0)),
        "common, label 1": (P, _db_pull(loss, 1, 1.0)),
        "rare, label 0": (P, _db_pull(loss, 0, 0.0)),
    }
    y = Scale(title="pull, against binary cross-entropy")
    title = "Distribution-balanced loss of two labels, the other label 1"
    return line_plot(curves, title, x=OF_SIGMOID, y=y)


def _db_pull(loss, place, label):
    z = torch.tensor(np.log(P / (1 - P))).requires_grad_()
    logits = torch.stack([z, torch.zeros_like(z)], 1)
    labels = torch.tensor([label, 1.0], dtype=torch.float64).expand(len(P), 2)
    if place:
        logits, labels = logits.flip(1), labels.flip(1)
    slope = _gradient(loss(logits, labels)[:, place], z).numpy()
    return np.abs(slope) / np.abs(P - label)


def equalization():
    """Weights by the ratio of the gradients."""
    ratios = np.linspace(0, 1.5, 151)
    weights = bl.equalization_weights(torch.tensor(ratios), torch.ones(len(ratios)).double())
    curves = {"label 1": (ratios, weights.positive), "label 0": (ratios, weights.negative)}
    x = Scale(title="gradients so far at label 1, over those at label 0")
    return line_plot(curves, "EQL v2, γ = 12, μ = 0.8, α = 4", x=x, y=Scale(title="weight"))


def weighted_bce():
    """Weights by the share of label 1."""
    shares = np.geomspace(0.001, 0.5, 50)
    options = {"power 1": (1.0, None), "power 1, cap 20": (1.0, 20), "power ½": (0.5, None)}
    curves = {
        name: (shares, pos_weight(shares * 1e6, 1e6, power=power, cap=cap))
        for name, (power, cap) in options.items()
    }
    x = Scale(title="share of samples with label 1, log scale", log=True)
    y = Scale(title="weight of label 1, log scale", log=True, low=1, high=1000)
    return line_plot(curves, "pos_weight by the share of label 1", x=x, y=y)


def dice():
    """Of an object of 100 pixels of which some are missed, or that many more are found."""
    wrong = np.arange(0, 101)
    curves = {}
    for name, loss in (("Dice", bl.dice_loss), ("Tversky", bl.tversky_loss)):
        curves[f"{name}, missed"] = (wrong, [_overlap(loss, 100, n, 0) for n in wrong])
        curves[f"{name}, found too much"] = (wrong, [_overlap(loss, 100, 0, n) for n in wrong])
    x = Scale(title="wrong pixels, for an object of 100")
    return line_plot(
        curves, "Dice, and Tversky with α = 0.3, β = 0.7", x=x, y=Scale(title="loss", high=1)
    )


def focal_tversky():
    """Loss of an object of 100 pixels of which some are missed."""
    missed = np.arange(0, 101)
    curves = {}
    for gamma, text in ((0.75, "¾"), (1.0, "1, Tversky"), (2.0, "2")):

        def loss(*arguments, gamma=gamma, **options):
            return bl.focal_tversky_loss(*arguments, gamma=gamma, **options)

        curves[f"γ = {text}"] = (missed, [_overlap(loss, 100, n, 0) for n in missed])
    x = Scale(title="missed pixels, of an object of 100")
    return line_plot(curves, "Focal Tversky loss", x=x, y=Scale(title="loss", high=1))


def generalized_dice():
    """Of a background and three classes, one of which is partly missed."""
    share = np.linspace(0, 1, 11)
    curves = {
        f"class of {pixels:,} pixels": (share, [_generalized(pixels, part) for part in share])
        for pixels in (10, 100, 1000)
    }
    x = Scale(title="share of the class that is taken for background")
    return line_plot(
        curves, "Generalized Dice loss of a picture", x=x, y=Scale(title="loss", high=1)
    )


def _overlap(loss, size, n_missed, n_extra):
    """Loss of one label on 400 pixels, `size` of them of the object."""
    pixels = torch.arange(400)
    targets = (pixels < size).double()
    found = (pixels >= n_missed) & (pixels < size + n_extra)
    logits = torch.where(found, 30.0, -30.0).double()
    return float(loss(logits[None, None], targets[None, None], activation="sigmoid"))


def _generalized(size, share):
    sizes = [10_000, 10, 100, 1000]
    rank = sizes.index(size)
    targets = torch.repeat_interleave(torch.arange(4), torch.tensor(sizes))
    found = targets.clone()
    start = sum(sizes[:rank])
    found[start : start + round(share * size)] = 0
    logits = 60.0 * torch.nn.functional.one_hot(found, 4).T.double()
    return float(bl.generalized_dice_loss(logits[None], targets[None]))


def unified_focal():
    """Its first term alone, class 0 the background."""
    curves = {
        "object, asymmetric": (P, pair_pull(_cross_entropy_term("asymmetric", False))),
        "object, symmetric": (P, pair_pull(_cross_entropy_term("symmetric", False))),
        "background, both": (P, pair_pull(_cross_entropy_term("asymmetric", True))),
    }
    title = "Cross-entropy in the unified focal loss, δ = 0.6, γ = 0.5"
    return line_plot(curves, title, x=OF_P, y=Scale(title=FACTOR))


def _cross_entropy_term(symmetry, background):
    def loss(logits, _):
        # Each pixel is a sample of its own, so that the mean over pixels leaves it alone.
        if not background:
            logits = logits.flip(1)
        targets = torch.full((len(logits), 1), 0 if background else 1)
        return bl.unified_focal_loss(
            logits[:, :, None],
            targets,
            symmetry=symmetry,
            cross_entropy_share=1.0,
            reduction="none",
        )

    return loss


def ages():
    """Targets for the weights of a regression: many of 30, few of 70."""
    values = np.arange(0, 101)
    counts = (400 * np.exp(-(((values - 30) / 10) ** 2) / 2)).round() + 4 * (values <= 80)
    return np.repeat(values, counts.astype(int)).astype(float)


def target_weights():
    """Weights of LDS and DenseWeight over the targets, with their density."""
    values = ages()
    places, first, counts = np.unique(values, return_index=True, return_counts=True)
    curves = {
        "LDS, exponent 1": (places, lds_weights(values, exponent=1.0)[first]),
        "LDS, exponent ½": (places, lds_weights(values)[first]),
        "DenseWeight, α = 1": (places, dense_weights(values)[first]),
        "share of the targets": (places, counts / counts.sum()),
    }
    y = Scale(title="weight, log scale", log=True, low=1e-4)
    return line_plot(curves, "Weights of targets", x=Scale(title="target"), y=y)


def balanced_mse():
    """Gradient of BMC on the guess for a common target and a rare one."""
    values = torch.tensor(ages())
    guesses = np.arange(0.0, 81.0)
    curves = {}
    for target, name in ((30.0, "target 30, common"), (70.0, "target 70, rare")):
        mixture = bl.fit_gaussian_mixture(values.numpy(), 4)
        loss = bl.GAILoss(mixture, 8.0, learnable=False, reduction="none").double()
        guess = torch.tensor(guesses).requires_grad_()
        pull = -_gradient(loss(guess, torch.full_like(guess, target)), guess)
        curves[name] = (guesses, pull.numpy())
        curves[f"squared error, {target:.0f}"] = (guesses, 2 * (target - guesses))
    y = Scale(title="pull at the guess, upwards above 0", low=-100, high=150)
    return line_plot(curves, "Balanced MSE, σ = 8", x=Scale(title="guess"), y=y)


def focal_r():
    """Pull by the error."""
    errors = np.linspace(0.05, 20, 200)
    curves = {}
    for gamma in (1.0, 2.0):
        for activation in ("tanh", "sigmoid"):
            loss = bl.FocalRLoss(gamma=gamma, activation=activation, reduction="none")
            curves[f"{activation}, γ = {gamma:g}"] = (errors, _error_pull(loss, errors))
    y = Scale(title="pull, against the absolute error")
    return line_plot(curves, "Focal-R, β = 0.2", x=Scale(title="|ŷ − y|"), y=y)


def ghm_r():
    """Pull by the error, in a batch of many good boxes and some bad ones."""
    errors = np.linspace(0.0005, 0.1, 400)
    shares = (np.arange(2000) + 0.5) / 2000
    drawn = torch.tensor(0.2 * np.concatenate([shares**3, 1 - shares[:200] ** 2]))
    loss = bl.GHMRLoss(reduction="none").double()
    loss(drawn, torch.zeros_like(drawn))
    plain = errors / np.hypot(errors, 0.02)
    curves = {"GHM-R": (errors, _error_pull(loss.eval(), errors)), "smooth L1": (errors, plain)}
    y = Scale(title="pull, against the absolute error")
    return line_plot(
        curves,
        "GHM-R, μ = 0.02, in a batch of many good and some bad boxes",
        x=Scale(title="|ŷ − y|"),
        y=y,
    )


def _error_pull(loss, errors):
    guess = torch.tensor(errors).requires_grad_()
    return _gradient(loss(guess, torch.zeros_like(guess)), guess).numpy()


PICTURES = {
    "weighted-cross-entropy": weighted_cross_entropy,
    "class-balanced": class_balanced,
    "logit-adjusted": logit_adjusted,
    "vector-scaling": vector_scaling,
    "ldam": ldam,
    "focal": focal,
    "poly": poly,
    "ghm-c": ghm,
    "gw": gw,
    "label-aware-smoothing": label_aware_smoothing,
    "seesaw": seesaw,
    "weighted-bce": weighted_bce,
    "sigmoid-focal": sigmoid_focal,
    "asymmetric": asymmetric,
    "distribution-balanced": distribution_balanced,
    "equalization": equalization,
    "dice-tversky": dice,
    "focal-tversky": focal_tversky,
    "generalized-dice": generalized_dice,
    "unified-focal": unified_focal,
    "target-weights": target_weights,
    "balanced-mse": balanced_mse,
    "focal-r": focal_r,
    "ghm-r": ghm_r,
}


def loss_pictures():
    """Every picture as a file of its own: SVG by name."""
    return {name: _standalone(draw()) for name, draw in PICTURES.items()}


def _standalone(svg):
    head, parts = svg.split("</desc>", 1)
    return f"{head}</desc>{STYLE}{parts}\n"
