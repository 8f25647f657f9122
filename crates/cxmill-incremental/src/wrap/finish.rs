//! Finish a state of f: from each state the value that f would have given over its rows.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::internal_datafusion_err;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::groups::finish_each;
use crate::call::Call;
use crate::state::{StateType, check_readable};

/// The function for one call of f.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct FinishFunction {
    call: Arc<Call>,
    name: String,
    signature: Signature,
}

impl FinishFunction {
    pub(crate) fn udf(call: &Call) -> Arc<ScalarUDF> {
        let name = format!("{}_finish", call.function_name());
        let signature = Signature::any(1, Volatility::Immutable);
        Arc::new(ScalarUDF::from(Self { call: Arc::new(call.clone()), name, signature }))
    }
}

/// The values of a column or of one state.
pub(crate) fn finish(call: &Arc<Call>, arguments: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let states = arguments.args.first().ok_or_else(|| internal_datafusion_err!("there is no state to finish"))?;
    Ok(ColumnarValue::Array(finish_each(call, &states.to_array(arguments.number_rows)?)?))
}

impl ScalarUDFImpl for FinishFunction {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(self.call.return_field()?.data_type().clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let states =
            args.arg_fields.first().ok_or_else(|| internal_datafusion_err!("{} was given no column", self.name))?;
        check_readable(states, &self.call, &StateType::of(&self.call)?)?;
        self.call.return_field()
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        finish(&self.call, &args)
    }
}
