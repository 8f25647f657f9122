//! `mbgnbd_fit`, `mbgnbd_purchases` and `mbgnbd_alive`.

use datafusion::common::Result;

use crate::aggregate::{Shared, udaf};
use crate::doc::{Doc, FunctionKind};
use crate::value::beta_geometric::{Leaves, bounds, cost, starts};
use crate::value::customer::{self, AGE, REFUSED, T_X, X};
use crate::value::fit::{Fit, Fitted, Model, Row};
use crate::value::fit_argument::LOST_AT_FIRST;
use crate::value::optimise::search;
use crate::value::population::{Population, purchases_of};

pub(crate) static MBGNBD_FIT: Shared = Shared::new(udaf::<Fit<MbgNbd, 3>>);

const FIT: (&str, &str) = (
    "fit",
    "what mbgnbd_fit gives, or a struct with r, alpha, a, b and lost_at_first, by which it is told from BG/NBD",
);
const HORIZON: (&str, &str) = ("horizon", "how far to look ahead, in the unit of T, 0 or more");
const SOURCE: &str = "Batislam, Denizel & Filiztekin 2007, Empirical validation and comparison of models for customer base analysis, International \
                      Journal of Research in Marketing 24(3), doi:10.1016/j.ijresmar.2006.12.005.";
const REFUSED_FIT: &str = "A fit that is not such a struct, a parameter that is not above 0, a horizon below 0, or an x, t_x or T as no \
                           customer has, is an error.";

pub(crate) static FIT_DOC: Doc = Doc {
    name: "mbgnbd_fit",
    kind: FunctionKind::Aggregate,
    version: 1,
    signature: "mbgnbd_fit(x, t_x, T) → struct{r, alpha, a, b, lost_at_first, log_likelihood: double, customers: bigint, converged: boolean}",
    description: "The MBG/NBD model of repeat purchases, by maximum likelihood: BG/NBD in which a customer may also leave right after the first purchase. \
                  Rates vary over customers as Gamma(r, alpha), with alpha in the unit of T, and the probability to leave as Beta(a, b); \
                  lost_at_first is a / (a + b), the share that leaves after the first purchase. \
                  The parameters are NULL and converged is false where the customers say nothing about them: nobody came back, or \
                  all are alike. Where the likelihood still rises at the edge of what is searched, customers do not differ or never \
                  leave as far as can be told: the parameters are those at the edge, and converged is false. Rows with a NULL are \
                  ignored.",
    arguments: &[X, T_X, AGE],
    errors: REFUSED,
    example: "SELECT round(fit['r'], 3) AS r, round(fit['alpha'], 3) AS alpha, round(fit['a'], 3) AS a, round(fit['b'], 3) AS b, fit['converged'] AS converged\n\
              FROM (SELECT mbgnbd_fit(x, t_x, T) AS fit FROM (VALUES (0, 0, 39), (0, 0, 38), (0, 0, 35), (0, 0, 30), (1, 2, 39), (1, 20, 36), (2, 30, 39),\n\
              \x20            (3, 9, 33), (6, 31, 36), (12, 34, 35)) AS customers(x, t_x, T))\n\
              -- 1.271, 8.213, 0.355, 0.726, true",
    source: SOURCE,
};

pub(crate) static PURCHASES_DOC: Doc = Doc {
    name: "mbgnbd_purchases",
    kind: FunctionKind::Scalar,
    version: 1,
    signature: "mbgnbd_purchases(fit, horizon, x, t_x, T) → double",
    description: "Expected purchases of a customer in the next horizon under MBG/NBD, be he alive or not. NULL if an \
                  argument is NULL or the fit could not be had.",
    arguments: &[FIT, HORIZON, X, T_X, AGE],
    errors: REFUSED_FIT,
    example: "SELECT round(mbgnbd_purchases(named_struct('r', 0.52, 'alpha', 6.18, 'a', 0.89, 'b', 1.61, 'lost_at_first', 0.36), 39, 2, 30.43, 38.86), 3) AS purchases\n\
              -- 1.261",
    source: SOURCE,
};

pub(crate) static ALIVE_DOC: Doc = Doc {
    name: "mbgnbd_alive",
    kind: FunctionKind::Scalar,
    version: 1,
    signature: "mbgnbd_alive(fit, x, t_x, T) → double",
    description: "The probability, from 0 to 1, that a customer has not left for good under MBG/NBD. NULL if \
                  an argument is NULL or the fit could not be had.",
    arguments: &[FIT, X, T_X, AGE],
    errors: REFUSED_FIT,
    example: "SELECT round(mbgnbd_alive(named_struct('r', 0.52, 'alpha', 6.18, 'a', 0.89, 'b', 1.61, 'lost_at_first', 0.36), 0, 0, 38.86), 3) AS alive\n\
              -- 0.392",
    source: SOURCE,
};

/// `mbgnbd_fit`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct MbgNbd;

impl Model<3> for MbgNbd {
    const ARGUMENTS: [&'static str; 3] = ["x", "t_x", "T"];
    const STATE: [&'static str; 3] = customer::STATE;
    const PARAMETERS: &'static [&'static str] = &["r", "alpha", "a", "b", LOST_AT_FIRST];

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
        let cost = |customers: &Population, logs: &[f64; 4]| cost(Leaves::AfterAny, customers, logs);
        let found = search(&distinct, &all, Population::new, cost, &bounds(all.rate()), &starts(all.rate()));
        let Some(found) = found else { return Fitted::nothing(all.customers) };
        let [r, alpha, a, b] = found.point.map(f64::exp);
        Fitted {
            found: Some((vec![r, alpha, a, b, a / (a + b)], -found.value * all.customers)),
            customers: all.customers as i64,
            converged: found.converged,
        }
    }
}
