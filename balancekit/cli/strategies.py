"""Strategies of resampling on the command line: their names and options."""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Group, Parameter

from balancekit.errors import OptionError

if TYPE_CHECKING:
    from balancekit.samplers.resampling import Profile, Strategy

__all__ = ["StrategyName", "StrategyOptions"]

StrategyName = Literal[
    "oversample", "undersample", "combine", "regroup", "make-imbalanced", "ml-ros", "ml-rus"
]

OPTIONS_OF: dict[StrategyName, tuple[str, ...]] = {
    "oversample": ("ratio",),
    "undersample": ("multiple",),
    "combine": ("level",),
    "regroup": ("max_num",),
    "make-imbalanced": ("ratio", "largest", "profile", "minority_share", "alpha", "order"),
    "ml-ros": ("share",),
    "ml-rus": ("share",),
}
"""Options that mean something to each."""

PROFILE_OF = {"minority_share": "step", "alpha": "pareto"}


@Parameter(name="*", group=Group("Of the strategy", sort_key=9))
@dataclass(frozen=True, kw_only=True)
class StrategyOptions:
    """Options of the strategies; None where not given."""

    ratio: Annotated[
        float | None,
        Parameter(
            help="oversample: size of every class as a share of the largest, 1 if not given; "
            "make-imbalanced: how many times the largest class has the samples of the smallest."
        ),
    ] = None
    multiple: Annotated[
        float | None,
        Parameter(
            help="undersample: how many times the samples of the smallest class a class may "
            "keep; 1 if not given."
        ),
    ] = None
    level: Annotated[
        Literal["geometric-mean", "mean", "median"] | int | None,
        Parameter(
            help="combine: samples of every class, or what to take of the class counts; "
            "geometric-mean if not given."
        ),
    ] = None
    max_num: Annotated[
        int | None,
        Parameter(
            metavar="N",
            help="regroup: draws of every class; as many as the largest has if not given.",
        ),
    ] = None
    largest: Annotated[
        int | None,
        Parameter(
            metavar="N",
            help="make-imbalanced: samples of the largest class; as many as every class can "
            "follow if not given.",
        ),
    ] = None
    profile: Annotated[
        Literal["exponential", "linear", "step", "pareto"] | None,
        Parameter(
            help="make-imbalanced: how sizes fall; exponential, that of CIFAR-LT, if not given."
        ),
    ] = None
    minority_share: Annotated[
        float | None,
        Parameter(
            metavar="SHARE",
            help="make-imbalanced, step: share of the classes that are small; 0.5 if not given.",
        ),
    ] = None
    alpha: Annotated[
        float | None,
        Parameter(help="make-imbalanced, pareto: exponent; 6, that of ImageNet-LT, if not given."),
    ] = None
    order: Annotated[
        Literal["id", "reversed-id", "size"] | None,
        Parameter(
            help="make-imbalanced: which class is the largest: the first, the last, or the one "
            "with the most samples; that one if not given."
        ),
    ] = None

    share: Annotated[
        float | None,
        Parameter(
            help="ml-ros, ml-rus: of the samples, how many to repeat or to leave out; 0.25 if "
            "not given."
        ),
    ] = None

    def given(self) -> dict[str, str | None]:
        """Options that were given, as text, for a command that names them again."""
        return {
            field.name: None if (value := getattr(self, field.name)) is None else f"{value}"
            for field in fields(self)
        }

    def strategy(self, name: StrategyName) -> "Strategy":
        """The strategy of a name with these options.

        Raises:
            OptionError: an option is of another strategy, or has no value that can be.
        """
        from balancekit.samplers import resampling

        self._refuse_others(name)
        values = self._values()
        match name:
            case "oversample":
                return resampling.Oversample(**values)
            case "undersample":
                return resampling.Undersample(**values)
            case "combine":
                return resampling.Combine(**values)
            case "regroup":
                return resampling.Regroup(**values)
            case "ml-ros":
                return resampling.MLROS(**values)
            case "ml-rus":
                return resampling.MLRUS(**values)
            case "make-imbalanced":
                if self.ratio is None:
                    raise OptionError(
                        "--ratio: expected with --strategy make-imbalanced, got none. Say how many "
                        "times the smallest class the largest should be, such as --ratio 100."
                    )
                return resampling.MakeImbalanced(
                    **{"order": "size"} | values, profile=self._profile()
                )

    def _values(self) -> dict[str, Any]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        of_profile = ("profile", *PROFILE_OF)
        return {k: v for k, v in values.items() if v is not None and k not in of_profile}

    def _profile(self) -> "Profile":
        from balancekit.samplers import resampling

        match self.profile:
            case "linear":
                return resampling.LinearProfile()
            case "step" if self.minority_share is not None:
                return resampling.StepProfile(minority_share=self.minority_share)
            case "step":
                return resampling.StepProfile()
            case "pareto" if self.alpha is not None:
                return resampling.ParetoProfile(alpha=self.alpha)
            case "pareto":
                return resampling.ParetoProfile()
        return resampling.ExponentialProfile()

    def _refuse_others(self, name: StrategyName) -> None:
        problems = []
        for field in fields(self):
            option = f"--{field.name.replace('_', '-')}"
            takers = [taker for taker, names in OPTIONS_OF.items() if field.name in names]
            if getattr(self, field.name) is None:
                continue
            if name not in takers:
                problems.append(
                    f"{option}: expected only with --strategy {' or '.join(takers)}, got it with "
                    f"{name}"
                )
            elif (profile := PROFILE_OF.get(field.name, self.profile)) != self.profile:
                problems.append(
                    f"{option}: expected only with --profile {profile}, got it with "
                    f"{self.profile or 'exponential'}"
                )
        if problems:
            raise OptionError(
                f"{'; '.join(problems)}. Leave {'it' if len(problems) == 1 else 'them'} out."
            )
