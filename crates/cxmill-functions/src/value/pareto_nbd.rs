//! `pareto_nbd_fit`, `pareto_nbd_purchases` and `pareto_nbd_alive`.

use datafusion::common::Result;

use crate::aggregate::{Shared, udaf};
use crate::doc::{Doc, FunctionKind};
use crate::value::customer::{self, AGE, REFUSED, T_X, X};
use crate::value::fit::{Fit, Fitted, Model, Row};
use crate::value::optimise::search;
use crate::value::pareto::{bounds, cost, starts};
use crate::value::population::{Population, purchases_of};

pub(crate) static PARETO_NBD_FIT: Shared = Shared::new(udaf::<Fit<ParetoNbd, 3>>);

const FIT: (&str, &str) = ("fit", "what pareto_nbd_fit gives, or a struct with r, alpha, s and beta");
const HORIZON: (&str, &str) = ("horizon", "how far to look ahead, in the unit of T, 0 or more");
const SOURCE: &str = "Schmittlein, Morrison & Colombo 1987, Counting Your Customers, Management Science 33(1), doi:10.1287/mnsc.33.1.1; Fader & \
                      Hardie 2005, A Note on Deriving the Pareto/NBD Model and Related Expressions.";
const REFUSED_FIT: &str = "A fit that is not such a struct, a parameter that is not above 0, a horizon below 0, or an x, t_x or T as no \
                           customer has, is an error.";

pub(crate) static FIT_DOC: Doc = Doc {
    name: "pareto_nbd_fit",
    kind: FunctionKind::Aggregate,
    version: 1,
    signature: "pareto_nbd_fit(x, t_x, T) → struct{r, alpha, s, beta, log_likelihood: double, customers: bigint, converged: boolean}",
    description: "The Pareto/NBD model of repeat purchases, by maximum likelihood: while alive a customer buys at a rate that varies over customers as \
                  Gamma(r, alpha), and leaves at a rate that varies as Gamma(s, beta), with alpha and beta in the unit of T. \
                  The parameters are NULL and converged is false where the customers say nothing about them: nobody came back, or \
                  all are alike. Where the likelihood still rises at the edge of what is searched, customers do not differ or never \
                  leave as far as can be told: the parameters are those at the edge, and converged is false. Rows with a NULL are \
                  ignored.",
    arguments: &[X, T_X, AGE],
    errors: REFUSED,
    example: "SELECT round(fit['r'], 3) AS r, round(fit['alpha'], 3) AS alpha, round(fit['s'], 3) AS s, round(fit['beta'], 3) AS beta, fit['converged'] AS converged\n\
              FROM (SELECT pareto_nbd_fit(x, t_x, T) AS fit FROM (VALUES (0, 0, 39), (0, 0, 38), (0, 0, 35), (0, 0, 30), (1, 2, 39), (1, 20, 36), (2, 30, 39),\n\
              \x20            (3, 9, 33), (6, 31, 36), (12, 34, 35)) AS customers(x, t_x, T))\n\
              -- 0.909, 8.427, 0.275, 3.573, true",
    source: SOURCE,
};

pub(crate) static PURCHASES_DOC: Doc = Doc {
    name: "pareto_nbd_purchases",
    kind: FunctionKind::Scalar,
    version: 1,
    signature: "pareto_nbd_purchases(fit, horizon, x, t_x, T) → double",
    description: "Expected purchases of a customer in the next horizon under Pareto/NBD, be he alive or not. NULL if an \
                  argument is NULL or the fit could not be had.",
    arguments: &[FIT, HORIZON, X, T_X, AGE],
    errors: REFUSED_FIT,
    example: "SELECT round(pareto_nbd_purchases(named_struct('r', 0.5532, 'alpha', 10.578, 's', 0.6062, 'beta', 11.669), 39, 2, 30.43, 38.86), 3) AS purchases\n\
              -- 1.455",
    source: SOURCE,
};

pub(crate) static ALIVE_DOC: Doc = Doc {
    name: "pareto_nbd_alive",
    kind: FunctionKind::Scalar,
    version: 1,
    signature: "pareto_nbd_alive(fit, x, t_x, T) → double",
    description: "The probability, from 0 to 1, that a customer has not left for good under Pareto/NBD. NULL if \
                  an argument is NULL or the fit could not be had.",
    arguments: &[FIT, X, T_X, AGE],
    errors: REFUSED_FIT,
    example: "SELECT round(pareto_nbd_alive(named_struct('r', 0.5532, 'alpha', 10.578, 's', 0.6062, 'beta', 11.669), 2, 30.43, 38.86), 3) AS alive\n\
              -- 0.869",
    source: SOURCE,
};

/// `pareto_nbd_fit`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct ParetoNbd;

impl Model<3> for ParetoNbd {
    const ARGUMENTS: [&'static str; 3] = ["x", "t_x", "T"];
    const STATE: [&'static str; 3] = customer::STATE;
    const PARAMETERS: &'static [&'static str] = &["r", "alpha", "s", "beta"];

    fn doc(&self) -> &'static Doc {
        &FIT_DOC
    }

    fn check(&self, [x, t_x, age]: Row<3>) -> Result<bool> {
        customer::check(FIT_DOC.name, x, t_x, age).map(|_| true)
    }

    fn fit(&self, distinct: &[(Row<3>, i64)]) -> Fitted {
        let distinct = purchases_of(distinct);
        let all = Population::new(&distinct);
        if !all.tells() {
            return Fitted::nothing(all.customers);
        }
        let (bounds, starts) = (bounds(all.rate(), all.mean_age()), starts(all.rate(), all.mean_age()));
        let Some(found) = search(&distinct, &all, Population::new, cost, &bounds, &starts) else {
            return Fitted::nothing(all.customers);
        };
        Fitted {
            found: Some((found.point.map(f64::exp).to_vec(), -found.value * all.customers)),
            customers: all.customers as i64,
            converged: found.converged,
        }
    }
}
