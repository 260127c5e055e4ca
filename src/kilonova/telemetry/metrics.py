"""Prometheus metrics in base units. No organisation or key is ever a label."""

import time
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from kilonova.core.budgets import Alert, BudgetStanding, owner_kind
from kilonova.telemetry.money_metrics import MoneyMetrics
from kilonova.telemetry.trace import Trace

__all__ = ["Metrics"]

_SECONDS = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
)  # fmt: skip
_KINDS = ("input", "cache_read", "cache_write", "output", "reasoning")


class _Series:
    """The children of every metric for one (dialect, model, status), looked up once."""

    def __init__(self, metrics: "Metrics", dialect: str, model: str, status: str) -> None:
        self.requests = metrics.requests.labels(dialect, model, status)
        # What was counted since the last look at the metrics: a counter of the library costs more
        # than ten of these.
        self.request_count = 0
        self.price_nano = 0
        self.token_counts = [0] * len(_KINDS)
        self.e2e = metrics.e2e.labels(dialect, model)
        self.ttft = metrics.ttft.labels(dialect, model)
        self.price = metrics.price.labels(model)
        self.itl = metrics.itl.labels(dialect, model)
        self.tokens = tuple(metrics.tokens.labels(model, kind) for kind in _KINDS)


class Metrics:
    """Owns the registry. ``observe`` is called once a request with its finished trace."""

    def __init__(self, version: str) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self.requests = Counter(
            "kilonova_requests_total", "Requests answered.", ["dialect", "model", "status"],
            registry=registry,
        )  # fmt: skip
        self.tokens = Counter(
            "kilonova_tokens_total", "Tokens billed, by kind.", ["model", "kind"], registry=registry
        )
        self.price = Counter(
            "kilonova_price_nano_total", "Nano-units charged.", ["model"], registry=registry
        )
        self.ttft = Histogram(
            "kilonova_ttft_seconds", "Time to the first event.", ["dialect", "model"],
            registry=registry, buckets=_SECONDS,
        )  # fmt: skip
        self.itl = Histogram(
            "kilonova_itl_seconds", "Mean time between tokens of one answer.", ["dialect", "model"],
            registry=registry, buckets=_SECONDS,
        )  # fmt: skip
        self.commit = Histogram(
            "kilonova_commit_seconds", "Time until a settlement is on disk.",
            registry=registry, buckets=_SECONDS,
        )  # fmt: skip
        self.cache_tokens = Counter(
            "kilonova_cache_tokens_total", "Input tokens, by whether a cached prefix had them.",
            ["hit"], registry=registry,
        )  # fmt: skip
        self.upstream_errors = Counter(
            "kilonova_upstream_errors_total", "Failures of engines, by model.", ["model"],
            registry=registry,
        )  # fmt: skip
        self.event_loop_lag = Gauge(
            "kilonova_event_loop_lag_seconds", "How late the event loop woke a sleeper.",
            registry=registry,
        )  # fmt: skip
        self.e2e = Histogram(
            "kilonova_e2e_seconds", "Time to the last byte.", ["dialect", "model"],
            registry=registry, buckets=_SECONDS,
        )  # fmt: skip
        self.inflight = Gauge("kilonova_inflight", "Requests being served.", registry=registry)
        self.holds_open = Gauge("kilonova_holds_open", "Permits not settled.", registry=registry)
        self.disconnects = Counter(
            "kilonova_disconnects_total", "Clients that left early.", registry=registry
        )
        self.shed = Counter(
            "kilonova_shed_total", "Requests refused for lack of capacity.", ["reason"],
            registry=registry,
        )  # fmt: skip
        # Of all keys, projects and organisations: whose it is stands in the admin API.
        self.budget_used = Gauge(
            "kilonova_budget_used_ratio", "Spent share of the budget that is used most.",
            ["owner", "window"], registry=registry,
        )  # fmt: skip
        self.budget_alerts = Counter(
            "kilonova_budget_alerts_total", "Budgets that reached a share of themselves.",
            ["percent"], registry=registry,
        )  # fmt: skip
        self.read_budgets: Callable[[], Iterable[tuple[str, BudgetStanding]]] = tuple
        self.engine_ready = Gauge(
            "kilonova_engine_ready", "1 when the engine can answer.", ["engine"], registry=registry
        )
        build = Gauge("kilonova_build_info", "The running version.", ["version"], registry=registry)
        build.labels(version).set(1)
        self._cache_hits = self.cache_tokens.labels("true")
        self._cache_misses = self.cache_tokens.labels("false")
        self._series: dict[tuple[str, str, int], _Series] = {}
        self.money = MoneyMetrics()
        registry.register(self.money)

    def observe(self, trace: Trace) -> None:
        """Counts one finished request."""
        key = (trace.dialect, trace.model_id, trace.status)
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = _Series(self, key[0], key[1], str(key[2]))
        series.request_count += 1
        series.e2e.observe(time.perf_counter() - trace.started_s)
        if trace.first_event_s is not None:
            series.ttft.observe(trace.first_event_s - trace.started_s)
        if trace.was_disconnected:
            self.disconnects.inc()
        if trace.error in ("rate_limited", "overloaded", "model_not_ready", "budget_exceeded"):
            self.shed.labels(trace.error).inc()
        if trace.error in ("engine_failed", "engine_timeout"):
            self.upstream_errors.labels(trace.model_id).inc()
        if trace.commit_s is not None:
            self.commit.observe(trace.commit_s)
        self._count_usage(series, trace)

    def _count_usage(self, series: _Series, trace: Trace) -> None:
        record = trace.record
        if record is None or trace.was_replayed:
            return
        usage = record.usage
        counts = (
            usage.input_tokens,
            usage.cache_read_tokens,
            usage.cache_write_tokens,
            usage.output_tokens,
            usage.reasoning_tokens,
        )
        for index, count in enumerate(counts):
            series.token_counts[index] += count
        series.price_nano += record.price_nano
        generated = usage.output_tokens - 1
        if generated > 0 and trace.first_event_s is not None and trace.last_event_s is not None:
            series.itl.observe((trace.last_event_s - trace.first_event_s) / generated)

    def text(self, *, tells_cost: bool = True) -> bytes:
        """The exposition format of Prometheus, version 0.0.4."""
        self.money.tells_cost = tells_cost
        for series in self._series.values():
            self._count(series)
        self._look_at_budgets()
        return generate_latest(self.registry)

    def count_alert(self, alert: Alert) -> None:
        """An alert was told."""
        self.budget_alerts.labels("refused" if alert.is_refusal else str(alert.percent)).inc()

    def _look_at_budgets(self) -> None:
        used: dict[tuple[str, str], float] = {}
        for level_id, standing in self.read_budgets():
            if standing.budget_nano:
                of = owner_kind(level_id), standing.window
                used[of] = max(used.get(of, 0.0), standing.spent_nano / standing.budget_nano)
        self.budget_used.clear()
        for (owner, window), ratio in used.items():
            self.budget_used.labels(owner, window).set(ratio)

    def _count(self, series: _Series) -> None:
        uncached, cached, written, _, _ = series.token_counts
        self._cache_hits.inc(cached)
        self._cache_misses.inc(uncached + written)
        for counter, count in zip(series.tokens, series.token_counts, strict=True):
            counter.inc(count)
        series.requests.inc(series.request_count)
        series.price.inc(series.price_nano)
        series.token_counts = [0] * len(_KINDS)
        series.request_count = series.price_nano = 0
