"""Simulated customers, and what lifetimes 0.11.3 makes of them: `populations.csv`, `fits.csv` and `scores.csv`.

    python -m venv venv && venv/bin/pip install -r tests/golden/lifetimes/requirements.txt
    venv/bin/python tests/golden/lifetimes/make.py

Every number comes out of lifetimes (MIT licence, Cameron Davidson-Pilon) or its simulators, from fixed seeds. A fit that
lifetimes cannot have is left out, and the last line says how many. `crates/cxmill-functions/tests/functions/lifetimes.rs` compares.
"""

import pathlib
import warnings

import numpy as np
import pandas as pd
import scipy.special
from lifetimes import BetaGeoFitter, GammaGammaFitter, ModifiedBetaGeoFitter, ParetoNBDFitter, generate_data
from lifetimes.utils import ConvergenceError

warnings.filterwarnings("ignore")
HERE = pathlib.Path(__file__).parent
CUSTOMERS = 250
SCORED = 8
HORIZON = 12
RATE = 0.01
# The tightest tolerance at which lifetimes converges is taken.
TOLERANCES = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3]
LIMITS = {"bgnbd": {}, "mbgnbd": {}, "pareto_nbd": {"maxiter": 4000}}
PROVENANCE = "# made by make.py with lifetimes 0.11.3, numpy 1.23.5, scipy 1.10.1 from fixed seeds\n"

BETA_GEOMETRIC = [(0.25, 4.5, 0.8, 2.5), (0.5, 6.0, 1.2, 3.0), (1.0, 8.0, 0.6, 1.5), (2.0, 5.0, 1.0, 4.0), (0.8, 2.0, 0.5, 2.0),
                  (1.5, 20.0, 2.0, 5.0), (3.0, 10.0, 0.7, 3.5), (0.6, 1.5, 1.5, 6.0)]
PARETO = [(0.55, 10.5, 0.6, 11.5), (1.0, 5.0, 0.8, 8.0), (2.0, 10.0, 1.5, 20.0), (0.8, 3.0, 0.5, 5.0),
          (1.5, 4.0, 1.2, 15.0), (0.5, 2.0, 2.0, 30.0), (3.0, 15.0, 0.7, 10.0), (1.2, 8.0, 1.0, 12.0)]
# p, q, v of the spend of each third of the populations.
SPEND = [(6.25, 3.74, 15.44), (2.0, 4.0, 30.0), (12.0, 2.5, 400.0)]


def populations():
    """(generator, x, t_x, T, monetary) of each population."""
    for number in range(24):
        kind, index = divmod(number, 8)
        np.random.seed(1000 + number)
        ages = np.round(np.random.uniform(8, 78, CUSTOMERS), 2)
        if kind == 0:
            name, data = "bgnbd", generate_data.beta_geometric_nbd_model(ages, *BETA_GEOMETRIC[index], size=CUSTOMERS)
        elif kind == 1:
            name, data = "mbgnbd", generate_data.modified_beta_geometric_nbd_model(ages, *BETA_GEOMETRIC[index], size=CUSTOMERS)
        else:
            name, data = "pareto_nbd", generate_data.pareto_nbd_model(ages, *PARETO[index], size=CUSTOMERS)
        x = data["frequency"].to_numpy().astype(int)
        # Two digits, as whole days in weeks have; a repeat purchase comes after the first and not after now.
        t_x = np.where(x > 0, np.minimum(np.maximum(np.round(data["recency"].to_numpy(), 2), 0.01), ages), 0.0)
        p, q, v = SPEND[number % 3]
        rate = np.random.gamma(q, 1 / v, CUSTOMERS)
        monetary = np.where(x > 0, np.maximum(np.round(np.random.gamma(p * np.maximum(x, 1), 1 / (rate * np.maximum(x, 1)), CUSTOMERS), 2), 0.01), 0.0)
        yield name, x, t_x, ages, monetary


def beta_geometric_log_likelihood(fitter, x, t_x, T):
    """Sum over customers in the unit of the data; lifetimes itself keeps the mean over scaled time."""
    r, alpha, a, b = fitter.params_
    gammaln, log = scipy.special.gammaln, np.log
    if isinstance(fitter, ModifiedBetaGeoFitter):
        share = gammaln(a + b) - gammaln(b) + gammaln(b + x + 1) - gammaln(a + b + x + 1)
        dead = np.log(a) - np.log(b + x) - (r + x) * log(alpha + t_x)
    else:
        share = gammaln(a + b) - gammaln(b) + gammaln(b + x) - gammaln(a + b + x)
        dead = np.where(x > 0, np.log(a) - np.log(b + np.maximum(x, 1) - 1) - (r + x) * log(alpha + t_x), -np.inf)
    return np.sum(gammaln(r + x) - gammaln(r) + r * log(alpha) + share + np.logaddexp(-(r + x) * log(alpha + T), dead))


def pareto_log_likelihood(fitter, x, t_x, T):
    return np.sum(fitter._conditional_log_likelihood(fitter.params_, x, t_x, T))


def gamma_gamma_log_likelihood(fitter, x, m):
    p, q, v = fitter.params_
    gammaln, log = scipy.special.gammaln, np.log
    return np.sum(gammaln(p * x + q) - gammaln(p * x) - gammaln(q) + q * log(v) + (p * x - 1) * log(m) + p * x * log(x) - (p * x + q) * log(x * m + v))


def fitted(fit, tolerances):
    """The first fit that lifetimes can have. A penalty would help it on more populations, but that is no maximum likelihood."""
    for tolerance in tolerances:
        try:
            fitter = fit(tolerance)
        except ConvergenceError:
            continue
        if np.all(np.isfinite(fitter.params_)):
            return fitter
    return None


class Plain:
    """A fitter that is asked with plain arrays: on some parameters its Pareto/NBD does not take the series that CLV hands it."""

    def __init__(self, fitter):
        self.fitter = fitter

    def predict(self, horizon, *customers):
        numbers = self.fitter.conditional_expected_number_of_purchases_up_to_time(horizon, *[part.to_numpy() for part in customers])
        return pd.Series(numbers, index=customers[0].index)


def main():
    missed = 0
    np.seterr(all="ignore")
    with open(HERE / "populations.csv", "w") as people, open(HERE / "fits.csv", "w") as fits, open(HERE / "scores.csv", "w") as scores:
        people.write(PROVENANCE + "population,x,t_x,T,monetary\n")
        fits.write(PROVENANCE + "population,model,p1,p2,p3,p4,log_likelihood\n")
        scores.write(PROVENANCE + f"# purchases in the next {HORIZON} units; clv over {HORIZON} steps at a discount of {RATE} a step; first customers of each population\n")
        scores.write("population,model,row,purchases,alive,value,clv\n")
        for number, (_, x, t_x, T, monetary) in enumerate(populations()):
            for row in zip(x, t_x, T, monetary):
                people.write(f"{number},{row[0]},{row[1]:.2f},{row[2]:.2f},{row[3]:.2f}\n")
            buyers = x > 0
            spend = fitted(lambda tol: GammaGammaFitter().fit(x[buyers], monetary[buyers], tol=tol), TOLERANCES)
            if spend is None:
                missed += 1
            else:
                ll = gamma_gamma_log_likelihood(spend, x[buyers], monetary[buyers])
                fits.write(",".join([str(number), "gamma_gamma"] + [repr(float(v)) for v in spend.params_] + ["", repr(float(ll))]) + "\n")
            for model, kind in (("bgnbd", BetaGeoFitter), ("mbgnbd", ModifiedBetaGeoFitter), ("pareto_nbd", ParetoNBDFitter)):
                fitter = fitted(lambda tol: kind().fit(x, t_x, T, tol=tol, **LIMITS[model]), TOLERANCES)
                if fitter is None:
                    missed += 1
                    continue
                ll = pareto_log_likelihood(fitter, x, t_x, T) if model == "pareto_nbd" else beta_geometric_log_likelihood(fitter, x, t_x, T)
                fits.write(",".join([str(number), model] + [repr(float(v)) for v in fitter.params_] + [repr(float(ll))]) + "\n")
                if spend is None or spend.params_[1] <= 1:
                    continue
                head = [part[:SCORED] for part in (x, t_x, T, monetary)]
                purchases = np.asarray(fitter.conditional_expected_number_of_purchases_up_to_time(HORIZON, *head[:3]))
                alive = np.asarray(fitter.conditional_probability_alive(*head[:3]))
                value = np.asarray(spend.conditional_expected_average_profit(head[0], head[3]))
                clv = spend.customer_lifetime_value(Plain(fitter), *[pd.Series(part) for part in head], time=HORIZON, discount_rate=RATE, freq="M").to_numpy()
                for row in range(SCORED):
                    numbers = [purchases[row], alive[row], value[row], clv[row]]
                    scores.write(",".join([str(number), model, str(row)] + [repr(float(v)) for v in numbers]) + "\n")
                fits.flush()
            print(number, "done", flush=True)
    print("fits that lifetimes could not have:", missed)


main()
