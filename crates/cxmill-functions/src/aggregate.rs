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

    /// Which arguments must be constant.
    fn parameters(&self) -> &'static [Parameter] {
        &[]
    }

    /// Name and type of each state column for a call with so many arguments.
    fn state(&self, arguments: usize) -> &'static [(&'static str, DataType)];

    fn returns(&self) -> DataType;

    /// The result over no rows.
    fn over_nothing(&self) -> Result<ScalarValue> {
        ScalarValue::try_from(self.returns())
    }

    /// `parameters` holds the value of each of [`Definition::parameters`], `None` where the call leaves it out.
    fn tally(&self, arguments: usize, parameters: &[Option<f64>]) -> Result<Box<dyn Tally>>;

    /// The same for a function with constants that are no numbers, which it reads itself.
    fn tally_of(&self, arguments: &[Arc<dyn PhysicalExpr>], parameters: &[Option<f64>]) -> Result<Box<dyn Tally>> {
        self.tally(arguments.len(), parameters)
    }

    /// Refuses such constants when the query is optimised, where they are known.
    fn check_planned(&self, _arguments: &[Expr]) -> Result<()> {
        Ok(())
    }
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
        refuse_distinct(self.definition.doc().name, args.is_distinct)?;
        let parameters: Vec<Option<f64>> =
            self.definition.parameters().iter().map(|parameter| parameter.read(args.exprs)).collect::<Result<_>>()?;
        self.definition.tally_of(args.exprs, &parameters)
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

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(self.definition.returns())
    }

    fn is_nullable(&self) -> bool {
        self.definition.over_nothing().map_or(true, |value| value.is_null())
    }

    fn default_value(&self, _data_type: &DataType) -> Result<ScalarValue> {
        self.definition.over_nothing()
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        refuse_distinct(self.definition.doc().name, args.is_distinct)?;
        let columns = self.definition.state(args.input_fields.len());
        Ok(columns
            .iter()
            .map(|(name, data_type)| Arc::new(Field::new(format_state_name(args.name, name), data_type.clone(), true)))
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
        let name = self.definition.doc().name;
        let parameters = self.definition.parameters();
        Some(Box::new(move |call: AggregateFunction, _| {
            refuse_distinct(name, call.params.distinct)?;
            parameters.iter().try_for_each(|parameter| parameter.check_planned(&call.params.args))?;
            D::default().check_planned(&call.params.args)?;
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

/// Two customers who give the same score are two answers, and so are two visits of one customer: DISTINCT would always be a
/// mistake.
pub(crate) fn refuse_distinct(function: &str, is_distinct: bool) -> Result<()> {
    if is_distinct {
        plan_err!("{function}: DISTINCT is not supported, every row counts; remove duplicate rows in a subquery")
    } else {
        Ok(())
    }
}
