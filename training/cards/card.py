"""The card of a model as values. `write.py` makes of it the files that travel beside the weights.

    card = Card(
        model="kilonova.sentry-v1:0",
        title="Kilonova Sentry",
        summary="Names the language, the intent and the personal data of a text. No transformer.",
        does=("Tells 20 languages apart.",),
        does_not=("It does not understand a text.",),
        shape={"Heads": "linear, over hashed n-grams"},
        sources=(Source("clinc150-train", "CC-BY-3.0", "Larson et al. 2019, changed", "intents"),),
        work=(Work(resource="cpu_core", hours=0.1),),
        tables=(
            MetricTable(
                "Intents",
                (
                    Metric.of_share(
                        "CLINC150 test",
                        Share(4100, 4500),
                        bar=Bar(90.0),
                        baselines={"majority": 0.7, "word unigrams": 88.2},
                    ),
                    Metric("p99 of 2,000 characters", 0.8, "ms", bar=Bar(1.0, is_ceiling=True)),
                ),
                note="Every item of the official test set, once.",
            ),
        ),
        samples=(Sample("Transfer 20 euros to Ann", "transfer"),),
        pictures=(bar_chart("languages", "Accuracy by language", {"de": 99.0, "fr": 98.5}),),
    )
    write_card(card, folder, stem="sentry-v1")  # sentry-v1.md, .json, sentry-v1-languages.svg

Everything that the page says stands in the JSON as well; the page is made of nothing else.
"""

from typing import Any

import msgspec

from cards.charts import Picture
from cards.cost import Work
from cards.shares import Share

__all__ = [
    "Bar",
    "Card",
    "Metric",
    "MetricTable",
    "Picture",
    "Sample",
    "Section",
    "Share",
    "Source",
    "Verdict",
    "Work",
]


class Bar(msgspec.Struct, frozen=True):
    """What a figure must reach; with `is_ceiling` what it must not exceed."""

    value: float
    aim: float | None = None
    is_ceiling: bool = False

    def is_met(self, value: float) -> bool:
        """Whether the figure is good enough."""
        return value <= self.value if self.is_ceiling else value >= self.value

    def reaches_aim(self, value: float) -> bool:
        """Whether it is as good as was hoped for."""
        if self.aim is None:
            return False
        return value <= self.aim if self.is_ceiling else value >= self.aim


class Metric(msgspec.Struct, frozen=True):
    """One figure with its interval, its bar and its baselines, all in the same unit."""

    name: str
    value: float
    unit: str = "%"
    interval: tuple[float, float] | None = None
    counts: Share | None = None
    bar: Bar | None = None
    baselines: dict[str, float] = {}
    note: str = ""

    @staticmethod
    def of_share(
        name: str,
        share: Share,
        *,
        bar: Bar | None = None,
        baselines: dict[str, float] | None = None,
        note: str = "",
    ) -> "Metric":
        """A share in percent with its 95 % interval."""
        return Metric(
            name,
            share.percent,
            interval=share.interval,
            counts=share,
            bar=bar,
            baselines=baselines or {},
            note=note,
        )


class MetricTable(msgspec.Struct, frozen=True):
    """Figures that belong together; `note` says how they were taken."""

    title: str
    metrics: tuple[Metric, ...]
    note: str = ""


class Source(msgspec.Struct, frozen=True):
    """Training data: its licence as an SPDX expression and the attribution that it asks for."""

    name: str
    licence: str
    attribution: str
    use: str = ""
    url: str = ""


class Sample(msgspec.Struct, frozen=True):
    """A request and the answer as it came; `expected` where the answer was wrong."""

    request: str
    answer: str
    expected: str = ""


class Section(msgspec.Struct, frozen=True):
    """Free Markdown under a heading of its own, such as the result of a parity check."""

    title: str
    text: str


class Verdict(msgspec.Struct, frozen=True):
    """How many bars were met, and which were not."""

    met: int
    of: int
    missed: tuple[str, ...]


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is said about a model. `results` is kept in the JSON and not shown."""

    model: str
    title: str
    summary: str
    does: tuple[str, ...] = ()
    does_not: tuple[str, ...] = ()
    licence: str = "Apache-2.0"
    shape: dict[str, str] = {}
    training: dict[str, str] = {}
    work: tuple[Work, ...] = ()
    sources: tuple[Source, ...] = ()
    data_note: str = ""
    tables: tuple[MetricTable, ...] = ()
    pictures: tuple[Picture, ...] = ()
    sections: tuple[Section, ...] = ()
    samples: tuple[Sample, ...] = ()
    mistakes: tuple[Sample, ...] = ()
    next_steps: tuple[str, ...] = ()  # what to try for the bars that were missed
    notices: str = ""
    results: dict[str, Any] = {}

    def verdict(self) -> Verdict:
        """Over every metric that has a bar; a missed one is named after its table as well."""
        met = 0
        missed = []
        for table in self.tables:
            for metric in table.metrics:
                if metric.bar is None:
                    continue
                if metric.bar.is_met(metric.value):
                    met += 1
                else:
                    missed.append(f"{table.title.split(',', maxsplit=1)[0]}: {metric.name}")
        return Verdict(met, met + len(missed), tuple(missed))
