//! `gamma_gamma_fit` and `gamma_gamma_value`: how much customers spend per purchase.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::aggregate::{Shared as SharedAggregate, udaf};
use crate::doc::{Doc, FunctionKind};
use crate::scalar::{Arguments, Shared, coerce};
use crate::value::customer::{X, check_count};
use crate::value::fit::{Fit, Fitted, Model, Row};
use crate::value::fit_argument::{FitColumn, FitModel, model_of, spend_fit};
use crate::value::gamma_gamma::{Spend, Spenders};
use crate::value::optimise::search;
use crate::value::scoring::{Memos, finite};

pub(crate) static GAMMA_GAMMA_FIT: SharedAggregate = SharedAggregate::new(udaf::<Fit<GammaGammaFit, 2>>);
pub(crate) static GAMMA_GAMMA_VALUE: Shared = Shared::new(|| {
    Arc::new(ScalarUDF::from(GammaGammaValue {
        signature: Signature::user_defined(Volatility::Immutable),
        documentation: VALUE_DOC.documentation(),
    }))
});

pub(crate) const MONETARY: (&str, &str) = (
    "monetary",
    "mean amount of the repeat purchases, the first one left out; not looked at where x is 0, so NULL may stand there",
);
const SOURCE: &str = "Fader & Hardie 2013, The Gamma-Gamma Model of Monetary Value; Colombo & Jiang 1999, A stochastic RFM model, \
                      Journal of Interactive Marketing 13(3), doi:10.1002/(SICI)1520-6653(199922)13:3<2::AID-DIR1>3.0.CO;2-H.";

pub(crate) static FIT_DOC: Doc = Doc {
    name: "gamma_gamma_fit",
    kind: FunctionKind::Aggregate,
    version: 1,
    signature: "gamma_gamma_fit(x, monetary) → struct{p, q, v, log_likelihood: double, customers: bigint, converged: boolean}",
    description: "The Gamma-Gamma model of spend, by maximum likelihood over the customers with x above 0: amounts of a customer vary \
                  as Gamma(p, ν), ν over customers as Gamma(q, v), with v in the unit of monetary. The parameters are NULL and \
                  converged is false without two unlike customers, and where the likelihood is highest at a q of 1 or less: the mean \
                  spend over customers would not be finite then, mostly because of a few extreme amounts. Rows with a NULL are \
                  ignored. Assumes that how much a customer spends has nothing to do with how often.",
    arguments: &[X, MONETARY],
    errors: "An x that is not a whole number of 0 or more, or a monetary that is not finite and above 0 where x is above 0, is an error; \
             customers whose refunds exceed their purchases are left out with FILTER (WHERE monetary > 0).",
    example: "SELECT round(fit['p'], 3) AS p, round(fit['q'], 3) AS q, round(fit['v'], 2) AS v, fit['customers'] AS customers\n\
              FROM (SELECT gamma_gamma_fit(x, monetary) AS fit FROM (VALUES (2, 22.35), (1, 11.77), (0, NULL), (7, 73.74),\n\
              \x20            (1, 35.99), (3, 19.20), (10, 25.10), (2, 60.00), (5, 40.30)) AS customers(x, monetary))\n\
              -- 4.052, 5.788, 44.79, 8",
    source: SOURCE,
};

/// `gamma_gamma_fit`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct GammaGammaFit;

impl Model<2> for GammaGammaFit {
    const ARGUMENTS: [&'static str; 2] = ["x", "monetary"];
    const STATE: [&'static str; 2] = ["x", "monetary"];
    const PARAMETERS: &'static [&'static str] = &["p", "q", "v"];

    fn doc(&self) -> &'static Doc {
        &FIT_DOC
    }

    fn check(&self, [x, monetary]: Row<2>) -> Result<bool> {
        check_count("gamma_gamma_fit", x)?;
        if x > 0.0 && !(monetary > 0.0 && monetary.is_finite()) {
            return exec_err!(
                "gamma_gamma_fit: monetary is {monetary}; expected a finite number above 0 where x is above 0, for example with \
                 FILTER (WHERE monetary > 0)"
            );
        }
        Ok(x > 0.0)
    }

    fn fit(&self, distinct: &[(Row<2>, i64)]) -> Fitted {
        let distinct: Vec<(Spend, i64)> =
            distinct.iter().map(|([x, mean], n)| (Spend { x: *x, mean: *mean }, *n)).collect();
        let all = Spenders::new(&distinct);
        if !all.tells() {
            return Fitted::nothing(all.customers());
        }
        let found = search(&distinct, &all, Spenders::new, Spenders::cost, &all.bounds(), &all.starts());
        match found.map(|found| (found, found.point.map(f64::exp))) {
            Some((found, [p, q, v])) if q > 1.0 => Fitted {
                found: Some((vec![p, q, v], -found.value * all.customers())),
                customers: all.customers() as i64,
                converged: found.converged,
            },
            _ => Fitted::nothing(all.customers()),
        }
    }
}

pub(crate) static VALUE_DOC: Doc = Doc {
    name: "gamma_gamma_value",
    kind: FunctionKind::Scalar,
    version: 1,
    signature: "gamma_gamma_value(fit, x, monetary) → double",
    description: "The expected mean amount of all purchases to come of a customer, given the mean of the x repeat purchases seen, in \
                  the unit of monetary: between that mean and the one over customers, nearer to his own the more purchases there are. \
                  NULL if an argument is NULL or the fit could not be had; monetary may be NULL where x is 0.",
    arguments: &[("fit", "what gamma_gamma_fit gives, or a struct with p, q and v"), X, MONETARY],
    errors: "A fit that is not such a struct, a parameter out of range (a q of 1 or less has no finite mean), an x that is not a whole \
             number of 0 or more, or a monetary that is not finite or below 0 where x is above 0, is an error.",
    example: "SELECT round(gamma_gamma_value(named_struct('p', 6.25, 'q', 3.74, 'v', 15.44), x, monetary), 2) AS value\n\
              FROM (VALUES (2, 22.35), (1, 11.77), (0, NULL)) AS customers(x, monetary)\n\
              -- 24.66\n\
              -- 18.92\n\
              -- 35.22",
    source: SOURCE,
};

#[derive(Debug, PartialEq, Eq, Hash)]
struct GammaGammaValue {
    signature: Signature,
    documentation: Documentation,
}

impl ScalarUDFImpl for GammaGammaValue {
    fn name(&self) -> &str {
        VALUE_DOC.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        coerce(&VALUE_DOC, arg_types, |place, given| match place {
            0 => Some(model_of(VALUE_DOC.name, "fit", given, &[FitModel::GammaGamma]).map(|_| ())),
            _ => None,
        })
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let name = VALUE_DOC.name;
        let arguments = Arguments::new(&args, 1)?;
        let fits = FitColumn::new(name, FitModel::GammaGamma, arguments.fit(0)?)?;
        let mut memos = Memos::<3, _>::default();
        arguments.map(|row, numbers| {
            let &[Some(x), monetary] = numbers else { return Ok(None) };
            check_count(name, x)?;
            let Some(monetary) = (if x == 0.0 { Some(0.0) } else { monetary }) else { return Ok(None) };
            check_seen(name, x, monetary)?;
            let Some(parameters) = fits.at(row) else { return Ok(None) };
            let [p, q, v, _] = parameters;
            let spend = memos.of([p, q, v], || spend_fit(name, parameters))?;
            finite(name, spend.mean_amount(x, monetary)).map(Some)
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }
}

/// The mean amount of a customer to be asked about. Of 0 the model still has an expectation, below it has none.
pub(crate) fn check_seen(function: &str, x: f64, monetary: f64) -> Result<()> {
    if x == 0.0 || (monetary >= 0.0 && monetary.is_finite()) {
        Ok(())
    } else {
        exec_err!("{function}: monetary is {monetary}; expected a finite number, 0 or more, where x is above 0")
    }
}
