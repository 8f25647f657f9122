//! The Wilson score interval of a share: `wilson_low` and `wilson_high`.
//!
//! Wilson 1927, "Probable Inference, the Law of Succession, and Statistical Inference", Journal of the American Statistical
//! Association 22(158), 209–212, doi:10.1080/01621459.1927.10502953.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::doc::{Doc, FunctionKind};
use crate::parameter::{CONFIDENCE_RANGE, is_confidence};
use crate::scalar::{Arguments, Shared, coerce, constant};
use crate::survey::interval::two_sided_z;

pub(crate) static WILSON_LOW: Shared = Shared::new(|| Wilson::udf(End::Low));
pub(crate) static WILSON_HIGH: Shared = Shared::new(|| Wilson::udf(End::High));

pub(crate) const WILSON: &str = "Wilson 1927, Probable Inference, the Law of Succession, and Statistical Inference, Journal of \
                                 the American Statistical Association 22(158), doi:10.1080/01621459.1927.10502953.";

/// Lower and upper end of the interval of a share, within [0, 1], for 0 ≤ `successes` ≤ `n` and `n` > 0.
pub(crate) fn wilson(successes: f64, n: f64, z: f64) -> (f64, f64) {
    // Written with n + z² below the line: it neither divides by a tiny n nor squares a huge one.
    let spread = successes * ((n - successes) / n);
    let middle = (successes + z * z / 2.0) / (n + z * z);
    let half = z * (spread + z * z / 4.0).sqrt() / (n + z * z);
    // At the ends of the scale the interval touches them exactly; rounding must not move it off.
    let low = if successes == 0.0 { 0.0 } else { (middle - half).max(0.0) };
    let high = if successes == n { 1.0 } else { (middle + half).min(1.0) };
    (low, high)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum End {
    Low,
    High,
}

const ARGUMENTS: &[(&str, &str)] = &[
    ("successes", "how many of the n trials succeeded, from 0 to n"),
    ("n", "how many trials there were, 0 or more"),
    ("confidence", "above 0 and below 1, for example 0.95"),
];
const ERRORS: &str =
    "successes below 0 or above n, a number that is not finite, or a confidence outside (0, 1), is an error.";

pub(crate) static LOW_DOC: Doc = Doc {
    name: "wilson_low",
    kind: FunctionKind::Scalar,
    version: 1,
    signature: "wilson_low(successes, n, confidence) → double",
    description: "The lower end of the Wilson score interval of the share successes / n, from 0 to 1. NULL if an argument is \
                  NULL or n is 0.",
    arguments: ARGUMENTS,
    errors: ERRORS,
    example: "SELECT round(wilson_low(8, 10, 0.95), 6) AS low\n\
              -- 0.490162",
    source: WILSON,
};

pub(crate) static HIGH_DOC: Doc = Doc {
    name: "wilson_high",
    kind: FunctionKind::Scalar,
    version: 1,
    signature: "wilson_high(successes, n, confidence) → double",
    description: "The upper end of the Wilson score interval of the share successes / n, from 0 to 1. NULL if an argument is \
                  NULL or n is 0.",
    arguments: ARGUMENTS,
    errors: ERRORS,
    example: "SELECT round(wilson_high(8, 10, 0.95), 6) AS high\n\
              -- 0.943318",
    source: WILSON,
};

#[derive(Debug, PartialEq, Eq, Hash)]
struct Wilson {
    end: End,
    signature: Signature,
    documentation: Documentation,
}

impl Wilson {
    fn udf(end: End) -> Arc<ScalarUDF> {
        Arc::new(ScalarUDF::from(Self {
            end,
            signature: Signature::user_defined(Volatility::Immutable),
            documentation: doc_of(end).documentation(),
        }))
    }
}

fn doc_of(end: End) -> &'static Doc {
    match end {
        End::Low => &LOW_DOC,
        End::High => &HIGH_DOC,
    }
}

impl ScalarUDFImpl for Wilson {
    fn name(&self) -> &str {
        doc_of(self.end).name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        coerce(doc_of(self.end), arg_types, |_, _| None)
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        if let Some(confidence) = constant(&args, 2) {
            check_confidence(self.name(), confidence)?;
        }
        Ok(Arc::new(Field::new(self.name(), DataType::Float64, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let mut quantile = Quantile::default();
        Arguments::new(&args, 0)?.map(|_, numbers| {
            let &[Some(successes), Some(n), Some(confidence)] = numbers else { return Ok(None) };
            let z = quantile.of(self.name(), confidence)?;
            self.end(successes, n, z)
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }
}

impl Wilson {
    fn end(&self, successes: f64, n: f64, z: f64) -> Result<Option<f64>> {
        if !(n.is_finite() && n >= 0.0) {
            return exec_err!("{}: n is {n}; expected a finite number, 0 or more", self.name());
        }
        if !(successes >= 0.0 && successes <= n) {
            return exec_err!("{}: successes is {successes}; expected a number from 0 to n, which is {n}", self.name());
        }
        let (low, high) = wilson(successes, n, z);
        Ok((n > 0.0).then_some(match self.end {
            End::Low => low,
            End::High => high,
        }))
    }
}

fn check_confidence(function: &str, confidence: f64) -> Result<()> {
    if is_confidence(confidence) {
        Ok(())
    } else {
        exec_err!("{function}: confidence is {confidence}; expected {CONFIDENCE_RANGE}")
    }
}

/// The quantile of the confidence asked last: it is nearly always the same for all rows, and costly.
#[derive(Debug, Default)]
struct Quantile(Option<(f64, f64)>);

impl Quantile {
    fn of(&mut self, function: &str, confidence: f64) -> Result<f64> {
        match self.0 {
            Some((asked, z)) if asked == confidence => Ok(z),
            _ => {
                check_confidence(function, confidence)?;
                let z = two_sided_z(confidence);
                self.0 = Some((confidence, z));
                Ok(z)
            }
        }
    }
}
