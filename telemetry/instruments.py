"""Counters, gauges and histograms as plain objects that record wherever the process is told to.

Until told otherwise they record in memory, where a test can read them; inside a replica they record through Ray.
One rule: a label that was not declared is an error here, since Ray drops it in silence.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Protocol

_REPEAT_S = 1.0
LabelValues = tuple[str, ...]  # in the order in which the metric declares its labels


class Metric:
    """What all kinds share: a name with its unit, the question it answers, and labels with few values."""

    kind = ""

    def __init__(self, name: str, question: str, labels: Sequence[str] = ()) -> None:
        self.name = name
        self.question = question
        self.labels = tuple(labels)
        self._label_names = frozenset(labels)

    @property
    def exported_name(self) -> str:
        """The name in Prometheus: Ray's node agent puts `ray_` before every metric of a process."""
        return f"ray_{self.name}"

    def values_of(self, given: dict[str, object]) -> LabelValues:
        """Put label values in the declared order.

        Raises:
            ValueError: a label is missing or was never declared.
        """
        if given.keys() != self._label_names:
            raise ValueError(f"{self.name} has the labels {list(self.labels)}, not {sorted(given)}.")
        return tuple(str(given[label]) for label in self.labels)


class Recorder(Protocol):
    """Where figures go."""

    def add(self, metric: "Counter", amount: float, values: LabelValues) -> None: ...
    def set(self, metric: "Gauge", value: float, values: LabelValues) -> None: ...
    def observe(self, metric: "Histogram", value: float, values: LabelValues) -> None: ...


class MemoryRecorder:
    """Keeps sums, last values and bucket counts, for tests and for processes that nobody scrapes; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._figures: dict[tuple[str, LabelValues], float] = defaultdict(float)
        self._counts: dict[tuple[str, LabelValues], int] = defaultdict(int)

    def add(self, metric: "Counter", amount: float, values: LabelValues) -> None:
        with self._lock:
            self._figures[metric.name, values] += amount

    def set(self, metric: "Gauge", value: float, values: LabelValues) -> None:
        with self._lock:
            self._figures[metric.name, values] = value

    def observe(self, metric: "Histogram", value: float, values: LabelValues) -> None:
        with self._lock:
            self._figures[metric.name, values] += value
            self._counts[metric.name, values] += 1

    def figure(self, metric: Metric, **labels: object) -> float:
        """Give a counter's or histogram's sum, or a gauge's last value; 0.0 if it was never recorded."""
        return self._figures.get((metric.name, metric.values_of(labels)), 0.0)

    def count(self, metric: "Histogram", **labels: object) -> int:
        """Give how often a histogram observed."""
        return self._counts.get((metric.name, metric.values_of(labels)), 0)

    def forget(self) -> None:
        """Start again from nothing."""
        with self._lock:
            self._figures.clear()
            self._counts.clear()


MEMORY = MemoryRecorder()
_recorder: Recorder = MEMORY


def record_in(recorder: Recorder) -> None:
    """Send every later figure of this process there."""
    global _recorder
    _recorder = recorder


class Counter(Metric):
    """Only grows; Prometheus shows it with `_total` behind its name."""

    kind = "counter"

    @property
    def exported_name(self) -> str:
        return f"ray_{self.name}_total"

    def add(self, amount: float = 1, **labels: object) -> None:
        """Count; zero is let through and changes nothing, so that callers need no `if`."""
        values = self.values_of(labels)
        if amount < 0:
            raise ValueError(f"{self.name} only grows; {amount} is negative.")
        if amount:
            _recorder.add(self, amount, values)


class Gauge(Metric):
    """The last value a process told; several processes give several series."""

    kind = "gauge"

    def set(self, value: float, **labels: object) -> None:
        _recorder.set(self, value, self.values_of(labels))


class PageGauge(Metric):
    """Read by the operator application at each scrape, so it is told once for the whole house and never by Ray."""

    kind = "gauge"

    @property
    def exported_name(self) -> str:
        return self.name


class Histogram(Metric):
    """Counts by bucket; Ray's agent knows a sum only as bucket midpoints, so ask for quantiles, not for means."""

    kind = "histogram"

    def __init__(self, name: str, question: str, labels: Sequence[str] = (), *, buckets: Sequence[float]) -> None:
        super().__init__(name, question, labels)
        if not buckets or buckets[0] <= 0 or sorted(set(buckets)) != list(buckets):
            raise ValueError(f"{name}: buckets are positive and grow.")
        self.buckets = tuple(buckets)

    def observe(self, value: float, **labels: object) -> None:
        """Note one value in the unit of the metric's name; a clock that stepped back counts as 0."""
        _recorder.observe(self, max(value, 0.0), self.values_of(labels))


class RayRecorder:
    """Records through `ray.util.metrics`; the node's agent shows the figures within some seconds."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        """Declare all metrics to Ray at once; call it inside a process that is part of a cluster."""
        from ray.util import metrics as ray_metrics  # heavy, and absent from processes without Ray

        self._twins: dict[str, Any] = {}
        self._labels = {metric.name: metric.labels for metric in metrics}
        for metric in metrics:
            if isinstance(metric, Counter):
                twin = ray_metrics.Counter(metric.name, metric.question, metric.labels)
            elif isinstance(metric, Gauge):
                twin = ray_metrics.Gauge(metric.name, metric.question, metric.labels)
            elif isinstance(metric, Histogram):
                twin = ray_metrics.Histogram(metric.name, metric.question, list(metric.buckets), metric.labels)
            else:
                continue
            self._twins[metric.name] = twin
        self._gauges: dict[tuple[str, LabelValues], tuple[Gauge, float]] = {}
        self._sums: dict[tuple[str, LabelValues], float] = {}  # of counters, since they were last told
        self._summing = threading.Lock()
        threading.Thread(target=self._tell_on, name="metrics", daemon=True).start()

    def add(self, metric: Counter, amount: float, values: LabelValues) -> None:
        """Sum up here, and tell Ray once a second: a call of its own for each webhook costs as much as parsing it."""
        with self._summing:
            self._sums[metric.name, values] = self._sums.get((metric.name, values), 0.0) + amount

    def set(self, metric: Gauge, value: float, values: LabelValues) -> None:
        self._gauges[metric.name, values] = metric, value
        self._twins[metric.name].set(value, dict(zip(metric.labels, values, strict=True)))

    def observe(self, metric: Histogram, value: float, values: LabelValues) -> None:
        self._twins[metric.name].observe(value, dict(zip(metric.labels, values, strict=True)))

    def _tell_on(self) -> None:
        while True:
            time.sleep(_REPEAT_S)
            self._tell_sums()
            self._repeat_gauges()

    def _tell_sums(self) -> None:
        with self._summing:
            sums, self._sums = self._sums, {}
        for (name, values), amount in sums.items():
            self._twins[name].inc(amount, dict(zip(self._labels[name], values, strict=True)))

    def _repeat_gauges(self) -> None:
        """Ray's agent forgets a gauge that is not told anew within two of its reports, of a second or more each."""
        for (_, values), (metric, value) in list(self._gauges.items()):
            self._twins[metric.name].set(value, dict(zip(metric.labels, values, strict=True)))
