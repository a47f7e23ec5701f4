"""What the rows of tools/bench are made of; the rows: rows.py beside this.

A measurement is named `program:benchmark`, optionally `@counter`. Without a
counter it is the time per item where the benchmark counts items, else per
iteration, in nanoseconds.
"""


class Program:
    """What there is to run.

    target: its Bazel target; or
    script: a Python script beside this file, which runs in the environment that
      tools/bench makes.
    driver: such a script that runs the target, its first argument.
    probe: a shell command that fails where this machine does not have what the
      program needs: then it is skipped.
    launcher: the words before the program's own.
    """

    def __init__(
        self, target=None, script=None, driver=None, probe=None, launcher=()
    ):
        assert (target is None) != (script is None)
        self.target = target
        self.script = script or driver
        self.probe = probe
        self.launcher = list(launcher)


class Group:
    """How the rows of one name are measured.

    rounds: how many quiet rounds are enough.
    patience: seconds after which it is given up, quiet or not.
    """

    def __init__(self, rounds=7, patience=120):
        self.rounds = rounds
        self.patience = patience


class Row:
    """A value, from the measurements of one round, and its limit.

    value: see below. at_most or at_least: its limit.
    worst: every round has to keep the limit, instead of their median.
    beside: measurements that are shown beside the value's own, of programs that
      need not be there.
    """

    def __init__(
        self,
        group,
        measure,
        value,
        at_most=None,
        at_least=None,
        worst=False,
        beside=(),
    ):
        assert (at_most is None) != (at_least is None)
        self.group = group
        self.measure = measure
        self.value = value
        self.at_most = at_most
        self.at_least = at_least
        self.worst = worst
        self.beside = list(beside)

    def needs(self, programs):
        """The measurements to make where there are these programs."""
        return self.value.needs + [
            b for b in self.beside if b.split(":")[0] in programs
        ]


class Value:
    """`ours` itself, divided by `scale`."""

    def __init__(self, ours, unit, scale=1):
        self.needs = [ours]
        self.unit = unit
        self.scale = scale

    def of(self, measured):
        return measured[self.needs[0]] / self.scale


class Ratio:
    """`ours` divided by the least of `peers`."""

    unit = "x"

    def __init__(self, ours, *peers):
        self.needs = [ours, *peers]

    def of(self, measured):
        ours, *peers = (measured[name] for name in self.needs)
        return ours / min(peers)


class Speed(Ratio):
    """The least of `peers` divided by `ours`: how many times as fast."""

    def of(self, measured):
        return 1 / super().of(measured)


class Above:
    """What `ours` takes more than `times` the `peer`."""

    def __init__(self, ours, peer, unit, times=1):
        self.needs = [ours, peer]
        self.unit = unit
        self.times = times

    def of(self, measured):
        ours, peer = (measured[name] for name in self.needs)
        return ours - self.times * peer
