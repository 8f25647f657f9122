//! From a function's definition to the object that DataFusion registers.

use std::fmt::Debug;
use std::hash::Hash;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::{AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, Expr, GroupsAccumulator, ReversedUDAF, Signature,
    Volatility,
};
use datafusion::physical_expr::PhysicalExpr;

use crate::doc::Doc;
use crate::parameter::Parameter;
use crate::tally::Tally;

/// An aggregate as its module describes it.
pub(crate) trait Definition: Debug + Default + Eq + Hash + Send + Sync + 'static {
    fn doc(&self) -> &'static Doc;

    /// The types that the arguments are cast to before they reach the accumulators.
    fn coerce(&self, types: &[DataType]) -> Result<Vec<DataType>>;

    /// Which arguments must be constant numbers.
    fn parameters(&self) -> &'static [Parameter] {
        &[]
    }

    /// Refuses constants of other kinds that are known and wrong, before a row is read.
    fn check_planned(&self, _arguments: &[Expr]) -> Result<()> {
        Ok(())
    }

    /// The state columns for arguments of these types.
    fn state(&self, types: &[DataType]) -> Vec<Field>;

    /// The type of the result for arguments of these types.
    fn returns(&self, types: &[DataType]) -> DataType;

    /// The result over no rows, where `returns` is its type.
    fn over_nothing(&self, returns: &DataType) -> Result<ScalarValue> {
        ScalarValue::try_from(returns)
    }

    /// Whether a result can be NULL.
    fn is_nullable(&self) -> bool {
        true
    }

    fn tally(&self, call: &Call<'_>) -> Result<Box<dyn Tally>>;
}

/// A call as the planner leaves it.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) arguments: &'a [Arc<dyn PhysicalExpr>],
    /// Of the arguments, as [`Definition::coerce`] asked for them.
    pub(crate) types: Vec<DataType>,
    /// The value of each of [`Definition::parameters`], `None` where the call leaves it out.
    pub(crate) parameters: Vec<Option<f64>>,
}

/// State columns of these names and types.
pub(crate) fn columns(columns: &[(&str, DataType)]) -> Vec<Field> {
    columns.iter().map(|(name, data_type)| Field::new(*name, data_type.clone(), true)).collect()
}

/// Makes the one shared object of a definition.
pub(crate) fn udaf<D: Definition>() -> Arc<AggregateUDF> {
    let definition = D::default();
    let documentation = definition.doc().documentation();
    Arc::new(AggregateUDF::from(Aggregate {
        definition,
        signature: Signature::user_defined(Volatility::Immutable),
        documentation,
    }))
}

/// A shared object, made when it is first asked for.
pub(crate) type Shared = LazyLock<Arc<AggregateUDF>>;

#[derive(Debug, PartialEq, Eq, Hash)]
struct Aggregate<D: Definition> {
    definition: D,
    signature: Signature,
    documentation: Documentation,
}

impl<D: Definition> Aggregate<D> {
    fn tally(&self, args: &AccumulatorArgs<'_>) -> Result<Box<dyn Tally>> {
        refuse_distinct(self.name(), args.is_distinct)?;
        let parameters = self.definition.parameters().iter().map(|parameter| parameter.read(args.exprs));
        self.definition.tally(&Call {
            arguments: args.exprs,
            types: types_of(args.expr_fields),
            parameters: parameters.collect::<Result<_>>()?,
        })
    }
}

impl<D: Definition> AggregateUDFImpl for Aggregate<D> {
    fn name(&self) -> &str {
        self.definition.doc().name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        self.definition.coerce(arg_types)
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        Ok(self.definition.returns(arg_types))
    }

    fn is_nullable(&self) -> bool {
        self.definition.is_nullable()
    }

    fn default_value(&self, data_type: &DataType) -> Result<ScalarValue> {
        self.definition.over_nothing(data_type)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        refuse_distinct(self.name(), args.is_distinct)?;
        let columns = self.definition.state(&types_of(args.input_fields));
        Ok(columns
            .into_iter()
            .map(|column| {
                let name = format_state_name(args.name, column.name());
                Arc::new(column.with_name(name))
            })
            .collect())
    }

    fn accumulator(&self, acc_args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(self.tally(&acc_args)?.row_accumulator())
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        !args.is_distinct
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(self.tally(&args)?.groups_accumulator())
    }

    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        Some(Box::new(|call: AggregateFunction, _| {
            let definition = D::default();
            refuse_distinct(definition.doc().name, call.params.distinct)?;
            definition.parameters().iter().try_for_each(|parameter| parameter.check_planned(&call.params.args))?;
            definition.check_planned(&call.params.args)?;
            Ok(Expr::AggregateFunction(call))
        }))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }
}

fn types_of(fields: &[FieldRef]) -> Vec<DataType> {
    fields.iter().map(|field| field.data_type().clone()).collect()
}

/// Two customers who give the same score are two answers, and so are two visits of one customer: DISTINCT would always be a
/// mistake.
fn refuse_distinct(function: &str, is_distinct: bool) -> Result<()> {
    if is_distinct {
        plan_err!("{function}: DISTINCT is not supported, every row counts; remove duplicate rows in a subquery")
    } else {
        Ok(())
    }
}
