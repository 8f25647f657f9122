//! The aggregates over states of one bound call.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::internal_datafusion_err;
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, Signature, Volatility};

use super::{OneGroup, Shape, StateGroups};
use crate::call::Call;
use crate::state::{StateType, check_readable};

/// State of f, or combine states of f, for one call of f.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct StateFunction {
    shape: Shape,
    call: Arc<Call>,
    name: String,
    signature: Signature,
}

impl StateFunction {
    pub(crate) fn udaf(shape: Shape, call: &Call) -> Arc<AggregateUDF> {
        let name = format!("{}_{}", call.function_name(), shape.word());
        let signature = Signature::variadic_any(Volatility::Immutable);
        Arc::new(AggregateUDF::from(Self { shape, call: Arc::new(call.clone()), name, signature }))
    }
}

/// The only state column of an aggregate over states: the state itself.
pub(crate) fn state_column(call: &Call) -> Result<FieldRef> {
    Ok(Arc::new(Field::new("state", StateType::of(call)?.data_type(), true)))
}

/// The field of what the aggregate gives.
pub(crate) fn result_field(shape: Shape, call: &Call) -> Result<FieldRef> {
    if shape.gives_states() { state_column(call) } else { call.return_field() }
}

/// The row accumulator, over the same groups accumulator.
pub(crate) fn row_accumulator(shape: Shape, call: &Arc<Call>) -> Result<Box<dyn Accumulator>> {
    Ok(Box::new(OneGroup::new(StateGroups::new(shape, Arc::clone(call))?)))
}

impl AggregateUDFImpl for StateFunction {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(result_field(self.shape, &self.call)?.data_type().clone())
    }

    fn return_field(&self, arg_fields: &[FieldRef]) -> Result<FieldRef> {
        if self.shape.reads_states() {
            let states =
                arg_fields.first().ok_or_else(|| internal_datafusion_err!("{} was given no column", self.name))?;
            check_readable(states, &self.call, &StateType::of(&self.call)?)?;
        }
        result_field(self.shape, &self.call)
    }

    fn accumulator(&self, _args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        row_accumulator(self.shape, &self.call)
    }

    fn state_fields(&self, _args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        Ok(vec![state_column(&self.call)?])
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(&self, _args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(StateGroups::new(self.shape, Arc::clone(&self.call))?))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}
