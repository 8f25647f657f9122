"""Makes the expected survival curves of this folder with lifelines.

    python make.py PATH/TO/Telco-Customer-Churn.csv

Writes, beside itself: random_customers.csv and random_curves.csv (simulated, seed below), telco_customers.csv (the data set as counts
of contract, tenure and churn) and telco_curves.csv, medians.csv.
"""

import csv
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from lifelines import KaplanMeierFitter

HERE = Path(__file__).parent
CONFIDENCES = [0.95, 0.9, 0.5, 0.99]


def random_customers():
    """Censored data of many kinds: few and many, tied and not, all left, nobody left, durations of 0."""
    generator = np.random.default_rng(20261122)
    for case in range(40):
        n = int(generator.integers(1, 60))
        lives = generator.exponential(10 ** generator.uniform(-1, 3), n)
        ends = generator.exponential(10 ** generator.uniform(-1, 3), n)
        durations, events = np.minimum(lives, ends), lives <= ends
        if case % 2 == 0:
            durations = np.floor(durations)
        if case % 10 == 3:
            events[:] = True
        if case % 10 == 7:
            events[:] = False
        for duration, event in zip(durations, events):
            yield case, float(duration), bool(event)


def telco_customers(path):
    with open(path, newline="") as file:
        rows = [(row["Contract"], float(row["tenure"]), row["Churn"] == "Yes") for row in csv.DictReader(file)]
    return rows


def curve(rows, confidence):
    fitter = KaplanMeierFitter(alpha=1 - confidence)
    fitter.fit([duration for _, duration, _ in rows], [event for _, _, event in rows])
    interval = fitter.confidence_interval_
    seen = {duration for _, duration, _ in rows}
    for time, at in fitter.event_table.iterrows():
        if time in seen:
            low, high = interval.loc[time]
            survival = fitter.survival_function_.loc[time].iloc[0]
            counts = (at["at_risk"], at["observed"], at["censored"])
            yield [repr(float(time)), *(str(int(count)) for count in counts), *(repr(float(v)) for v in (survival, low, high))]


def median(rows):
    """The first time with survival of at most 0.5. median_survival_time_ is one event late where rounding left the product an ulp above."""
    fitter = KaplanMeierFitter().fit([duration for _, duration, _ in rows], [event for _, _, event in rows])
    reached = fitter.survival_function_.iloc[:, 0] <= 0.5 + 1e-12
    return repr(float(reached.idxmax())) if reached.any() else ""


def write(name, header, rows):
    with open(HERE / name, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def by_case(rows):
    cases = {}
    for row in rows:
        cases.setdefault(row[0], []).append(row)
    return cases


def main():
    columns = ["time", "at_risk", "events", "censored", "survival", "low", "high"]
    random = list(random_customers())
    write("random_customers.csv", ["case", "duration", "event"], [[c, repr(d), str(e).lower()] for c, d, e in random])
    cases = by_case(random)
    curves = [
        [case, confidence, *point]
        for case, rows in cases.items()
        for confidence in [CONFIDENCES[case % len(CONFIDENCES)]]
        for point in curve(rows, confidence)
    ]
    write("random_curves.csv", ["case", "confidence", *columns], curves)

    telco = telco_customers(sys.argv[1])
    counts = sorted(Counter(telco).items())
    write("telco_customers.csv", ["contract", "tenure", "churned", "customers"],
          [[c, repr(t), str(e).lower(), n] for (c, t, e), n in counts])
    groups = {"all": telco, **by_case(telco)}
    write("telco_curves.csv", ["contract", "confidence", *columns],
          [[name, 0.95, *point] for name, rows in groups.items() for point in curve(rows, 0.95)])
    medians = [["random", case, median(rows)] for case, rows in cases.items()]
    medians += [["telco", name, median(rows)] for name, rows in groups.items()]
    write("medians.csv", ["set", "case", "median"], medians)


main()
