"""Makes the expected linear models of this folder with statsmodels.

    python make.py

Writes, beside itself: rows.csv (simulated, seed below), terms.csv and models.csv.
"""

import csv
from pathlib import Path

import numpy as np
import statsmodels.api as sm

HERE = Path(__file__).parent
CONFIDENCES = [0.95, 0.9, 0.5, 0.99]
MOST = 6


def cases():
    """Few rows and many, drivers far from 0, drivers that nearly follow from each other, yes and no, scores."""
    generator = np.random.default_rng(20261126)
    for case in range(24):
        drivers = int(generator.integers(1, MOST + 1))
        n = drivers + 2 + int(10 ** generator.uniform(0, 2.3))
        x = generator.normal(size=(n, drivers)) * 10 ** generator.uniform(-1, 1, drivers)
        if case % 4 == 1:
            x += 10 ** generator.uniform(1, 3, drivers)
        if case % 4 == 2 and drivers > 1:
            x[:, -1] = x[:, 0] + 0.05 * x[:, -1]
        if case % 3 == 2:
            x[:, 0] = np.arange(n) % 2
        y = x @ generator.normal(size=drivers) + 3 + generator.normal(size=n)
        if case % 5 == 3:
            y = np.clip(np.round(y - y.mean() + 5), 0, 10)
        yield str(case), CONFIDENCES[case % 4], x, y


def numbers(values):
    return [repr(float(value)) for value in values]


def write(name, header, rows):
    with open(HERE / name, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def main():
    rows, terms, models = [], [], []
    for case, confidence, x, y in cases():
        model = sm.OLS(y, sm.add_constant(x, has_constant="add")).fit()
        for drivers, answer in zip(x, y):
            rows.append([case, repr(float(answer)), *numbers(drivers), *[""] * (MOST - len(drivers))])
        for place, interval in enumerate(model.conf_int(alpha=1 - confidence)):
            name = "intercept" if place == 0 else f"x{place}"
            parts = (model.params[place], model.bse[place], model.tvalues[place], *interval)
            terms.append([case, name, *numbers(parts)])
        models.append([case, confidence, x.shape[1], len(y), model.df_model + 1, *numbers((model.rsquared, model.mse_resid ** 0.5))])
    write("rows.csv", ["case", "y", *(f"x{place}" for place in range(1, MOST + 1))], rows)
    write("terms.csv", ["case", "term", "coefficient", "standard_error", "t", "low", "high"], terms)
    write("models.csv", ["case", "confidence", "drivers", "n", "rank", "r_squared", "residual_error"], models)


main()
