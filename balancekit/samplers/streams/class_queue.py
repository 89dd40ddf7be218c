"""What is held of one class of a stream: samples, each with the uses that it has left."""

from collections import deque

__all__ = ["ClassQueue", "HeldSample"]


class HeldSample:
    """A sample, and how often it may still be given out.

    Attributes:
        sample: None once nothing is left, so that its memory is freed at once.
        uses_left: uses that it may still have.
        is_fresh: whether it was never given out.
    """

    __slots__ = ("is_fresh", "sample", "uses_left")

    def __init__(self, sample: object, uses: int) -> None:
        self.sample, self.uses_left, self.is_fresh = sample, uses, True


class ClassQueue:
    """The samples held of one class, and the tally of it.

    A pass gives out each held sample once, in random order; what has uses left waits for
    the next pass, so that two uses of a sample lie as far apart as the queue is long. What
    arrives joins the pass at once. When the queue is full, the oldest sample leaves it.

    Attributes:
        name: of the class.
        is_wanted: whether samples of it are given out at all.
        n_read: samples of it that were read.
        n_used: of these, given out at least once.
        n_dropped: of these, gone without a use.
        n_given: uses in all.
        n_cut: uses lost because the queue was full.
        n_held: samples held.
        stock: uses that the samples held have left.
        whole, fraction: uses that an arriving sample gets: whole, and one more as often as
            the fraction says.
        is_new: whether no plan has counted it in yet.
    """

    __slots__ = (
        "_by_age",
        "_gained",
        "_in_pass",
        "_threshold",
        "_waiting",
        "fraction",
        "is_new",
        "is_wanted",
        "n_cut",
        "n_dropped",
        "n_given",
        "n_held",
        "n_read",
        "n_used",
        "name",
        "stock",
        "whole",
    )

    def __init__(self, name: str, *, is_wanted: bool) -> None:
        self.name, self.is_wanted, self.is_new = name, is_wanted, True
        self.n_read = self.n_used = self.n_dropped = self.n_given = self.n_cut = 0
        self.n_held = self.stock = 0
        self.whole, self.fraction = 1, 0.0
        # What the fractions gained since the use before, and when it is enough for the next.
        self._gained, self._threshold = 0.0, 0.5
        self._in_pass: list[HeldSample] = []
        self._waiting: list[HeldSample] = []
        self._by_age: deque[HeldSample] = deque()

    def set_rate(self, uses_per_sample: float) -> None:
        """Have each arriving sample get this many uses, on average."""
        self.whole = int(uses_per_sample)
        self.fraction = uses_per_sample - self.whole

    def uses_of_next(self, noise: float) -> int:
        """Uses of the sample that arrives: the rate, rounded up or down.

        Error diffusion: each time the fractions have gained 1, one sample has got a use more.
        Which one is drawn, so that a stream with a period of its own does not meet another.

        Args:
            noise: in [0, 1).
        """
        if not self.fraction:
            return self.whole
        self._gained += self.fraction
        if self._gained < self._threshold:
            return self.whole
        self._gained -= 1
        self._threshold = noise
        return self.whole + 1

    def hold(self, sample: object, uses: int) -> None:
        """Take in a sample."""
        held = HeldSample(sample, uses)
        self._in_pass.append(held)
        self._by_age.append(held)
        self.n_held += 1
        self.stock += uses
        if len(self._in_pass) > 2 * self.n_held + 16:  # most are gone: let go of their places
            self._in_pass = [one for one in self._in_pass if one.uses_left]

    def take(self, noise: float) -> object:
        """A sample to give out: one of the pass, drawn; there must be stock.

        Args:
            noise: in [0, 1).
        """
        while True:
            if not self._in_pass:
                self._in_pass, self._waiting = self._waiting, self._in_pass
            place = int(noise * len(self._in_pass))
            held = self._in_pass[place]
            last = self._in_pass.pop()
            if held is not last:
                self._in_pass[place] = last
            if held.uses_left:
                break
        sample = held.sample
        self.n_given += 1
        self.n_used += held.is_fresh
        self.stock -= 1
        held.uses_left -= 1
        held.is_fresh = False
        if held.uses_left:
            self._waiting.append(held)
        else:
            held.sample = None
            self.n_held -= 1
            if len(self._by_age) > 2 * self.n_held + 16:
                self._by_age = deque(one for one in self._by_age if one.uses_left)
        return sample

    def cut_oldest(self) -> None:
        """Let go of the oldest sample held; there must be one."""
        held = self._by_age.popleft()
        while not held.uses_left:
            held = self._by_age.popleft()
        self._let_go(held)
        if len(self._waiting) > 2 * self.n_held + 16:
            self._waiting = [one for one in self._waiting if one.uses_left]

    def allot_again(self, noises: list[float], least: int) -> None:
        """Give the samples held, of a class that was new, the uses of the present rate.

        Args:
            noises: in [0, 1), one for each sample held.
            least: uses that each gets at least; those that get none are let go of.
        """
        for held, noise in zip([one for one in self._by_age if one.uses_left], noises, strict=True):
            uses = max(least, self.uses_of_next(noise))
            self.stock += uses - held.uses_left
            held.uses_left = uses
            if not uses:
                self._let_go(held)

    def ration(self, most: int) -> None:
        """Let go of the uses beyond so many, those of the oldest samples first."""
        for held in [one for one in self._by_age if one.uses_left]:
            surplus = min(self.stock - most, held.uses_left)
            if surplus <= 0:
                break
            held.uses_left -= surplus
            self.stock -= surplus
            if not held.uses_left:
                self._let_go(held)

    def _let_go(self, held: HeldSample) -> None:
        self.n_cut += held.uses_left
        self.n_dropped += held.is_fresh
        self.stock -= held.uses_left
        self.n_held -= 1
        held.uses_left, held.sample = 0, None
