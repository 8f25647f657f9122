//! `clv`: what a customer will spend in the horizon, discounted step by step.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::doc::{Doc, FunctionKind};
use crate::scalar::{Arguments, Shared, coerce, constant};
use crate::value::customer::{AGE, T_X, X, check};
use crate::value::discount::Discount;
use crate::value::fit_argument::{FitColumn, FitModel, model_of, spend_fit};
use crate::value::scoring::{Memo, Memos, check_horizon, finite};
use crate::value::spend::{MONETARY, check_seen};

pub(crate) static CLV: Shared = Shared::new(|| {
    Arc::new(ScalarUDF::from(Clv {
        signature: Signature::user_defined(Volatility::Immutable),
        documentation: CLV_DOC.documentation(),
    }))
});

/// The furthest horizon: a century of days. Each step is a term of the sum.
const FURTHEST: f64 = 36_525.0;

const PURCHASE_FIT: (&str, &str) = ("purchase_fit", "what bgnbd_fit, mbgnbd_fit or pareto_nbd_fit gives");
const VALUE_FIT: (&str, &str) = ("value_fit", "what gamma_gamma_fit gives");
const HORIZON: (&str, &str) = ("horizon", "how far to look ahead, in the unit of T, at most 36525");
const DISCOUNT_RATE: (&str, &str) =
    ("discount_rate", "per unit of T, 0 or more: 0.01 is 1 % a month where T is in months");

pub(crate) static CLV_DOC: Doc = Doc {
    name: "clv",
    kind: FunctionKind::Scalar,
    version: 2,
    signature: "clv(purchase_fit, value_fit, x, t_x, T, monetary, horizon, discount_rate) → double",
    description: "Lifetime value: what the customer is expected to spend in the next horizon, in the unit of monetary. The horizon is \
                  taken in steps of one unit of T, the last one as long as is left; what is bought in step i counts 1 / (1 + \
                  discount_rate)^i. Finite and never below 0. NULL if an argument is NULL or a fit could not be had; monetary may \
                  be NULL where x is 0.",
    arguments: &[PURCHASE_FIT, VALUE_FIT, X, T_X, AGE, MONETARY, HORIZON, DISCOUNT_RATE],
    errors: REFUSED_BY_CLV,
    example: "SELECT round(clv(named_struct('r', 0.2426, 'alpha', 4.4136, 'a', 0.7929, 'b', 2.4259),\n\
              \x20                named_struct('p', 6.25, 'q', 3.74, 'v', 15.44), 2, 30.43, 38.86, 22.35, 52, 0.002), 2) AS value\n\
              -- 36.61",
    source: "Fader, Hardie & Lee 2005, RFM and CLV: Using Iso-Value Curves for Customer Base Analysis, Journal of Marketing \
             Research 42(4), doi:10.1509/jmkr.2005.42.4.415.",
};

const REFUSED_BY_CLV: &str = "A fit that is not the struct of a fit function, a parameter out of range (a q of 1 or less has no finite \
                              mean), an x, t_x or T as no customer has, a monetary below 0 where x is above 0, a horizon below 0 or \
                              above 36525, or a discount_rate that is not a finite number of 0 or more, is an error.";

#[derive(Debug, PartialEq, Eq, Hash)]
struct Clv {
    signature: Signature,
    documentation: Documentation,
}

impl ScalarUDFImpl for Clv {
    fn name(&self) -> &str {
        CLV_DOC.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        coerce(&CLV_DOC, arg_types, |place, given| match place {
            0 => Some(model_of("clv", "purchase_fit", given, FitModel::OF_PURCHASES).map(|_| ())),
            1 => Some(model_of("clv", "value_fit", given, &[FitModel::GammaGamma]).map(|_| ())),
            _ => None,
        })
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        if let Some(horizon) = constant(&args, 6) {
            check_clv_horizon(horizon)?;
        }
        if let Some(rate) = constant(&args, 7) {
            check_rate(rate)?;
        }
        Ok(Arc::new(Field::new("clv", DataType::Float64, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arguments = Arguments::new(&args, 2)?;
        let (purchase_column, value_column) = (arguments.fit(0)?, arguments.fit(1)?);
        let model = model_of("clv", "purchase_fit", purchase_column.data_type(), FitModel::OF_PURCHASES)?;
        let purchase_fits = FitColumn::new("clv", model, purchase_column)?;
        let value_fits = FitColumn::new("clv", FitModel::GammaGamma, value_column)?;
        let mut memos = Memos::<6, _>::default();
        let mut spends = Memos::<3, _>::default();
        arguments.map(|row, numbers| {
            let &[Some(x), Some(t_x), Some(age), monetary, Some(horizon), Some(rate)] = numbers else {
                return Ok(None);
            };
            let customer = check("clv", x, t_x, age)?;
            // Without repeat purchases there is no mean of them.
            let Some(monetary) = (if x == 0.0 { Some(0.0) } else { monetary }) else { return Ok(None) };
            check_seen("clv", x, monetary)?;
            let (Some(purchases), Some(value)) = (purchase_fits.at(row), value_fits.at(row)) else { return Ok(None) };
            let [p0, p1, p2, p3] = purchases;
            let (memo, discount) = memos.of([p0, p1, p2, p3, horizon, rate], || {
                check_clv_horizon(horizon)?;
                check_rate(rate)?;
                Ok((Memo::new("clv", model, purchases)?, Discount::new(horizon, rate)))
            })?;
            let [p, q, v, _] = value;
            let spend = spends.of([p, q, v], || spend_fit("clv", value))?;
            let ahead = memo.ahead(customer, |fit| fit.weighted(x, age, discount.rule(fit.bend(x, age))));
            finite("clv", memo.alive(customer) * ahead * spend.mean_amount(x, monetary)).map(Some)
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }
}

fn check_clv_horizon(horizon: f64) -> Result<()> {
    check_horizon("clv", horizon)?;
    if horizon <= FURTHEST {
        Ok(())
    } else {
        exec_err!("clv: horizon is {horizon}; expected a number from 0 to {FURTHEST}")
    }
}

fn check_rate(rate: f64) -> Result<()> {
    if rate >= 0.0 && rate.is_finite() {
        Ok(())
    } else {
        exec_err!("clv: discount_rate is {rate}; expected a finite number, 0 or more")
    }
}
