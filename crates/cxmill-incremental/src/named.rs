//! State functions by name, for SQL: a state column can be published and rolled up, day → week → month.
//!
//! For an aggregate `f`: `f_state(…)` gives the state of a group, `f_combine(state)` combines states, `f_finish(state)` gives a
//! state's value, and `f_merge(state)` combines and finishes at once. `count_distinct_state(…)` and its like are those of
//! `count(DISTINCT …)`. Where the state of `f` grows with its rows, the rows are kept in their own order, so that the same rows
//! make the same state in whatever order they came.
//!
//! What a state is follows from its column alone. Constants stand in the column's type, as the 0.95 of
//! `nps_interval_state(score, 0.95)`: such a state is combined with its like only, and `nps_interval_merge(state)` knows its level.
//! Calls that need ORDER BY (`first_value`, `last_value`, `nth_value`) have no state functions: what they sort by is told to no
//! function before it runs.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::internal_datafusion_err;
use datafusion::error::Result;
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::expr::NullTreatment;
use datafusion::logical_expr::function::{AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, Expr, GroupsAccumulator, ReturnFieldArgs,
    ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Literal;

use crate::call::{Argument, Call, Modifiers};
use crate::error::StateError;
use crate::known::{Kind, KnownFunctions, StateGrowth, method};
use crate::parameter::{self, MarkConstants};
use crate::state::{Origin, StateType, check_readable};
use crate::wrap::{Shape, StateGroups, finish, result_field, row_accumulator, state_column};

/// Registers the state functions of every aggregate that a registry holds. Gives the names of the aggregates they are of; what
/// was registered under such a name is replaced.
pub fn register_state_functions(registry: &mut dyn FunctionRegistry, known: &KnownFunctions) -> Result<Vec<String>> {
    let mut functions: Vec<Arc<AggregateUDF>> = Vec::new();
    for name in registry.udafs() {
        let function = registry.udaf(&name)?;
        // Aliases lead to the same function, and a second registration must not make states of states.
        let is_new = functions.iter().all(|other| other.name() != function.name());
        if is_new && !is_named(&function) {
            functions.push(function);
        }
    }
    functions.sort_by(|left, right| left.name().cmp(right.name()));
    registry.register_expr_planner(Arc::new(MarkConstants))?;
    let mut named = Vec::new();
    for function in functions {
        let plain = Kind { distinct: false, ordered: false };
        if method(function.name(), plain).is_err() {
            continue;
        }
        let distinct = (function.name() == "count").then_some(true);
        for distinct in [false].into_iter().chain(distinct) {
            let named_call =
                NamedCall { version: known.version(function.name()), function: Arc::clone(&function), distinct };
            for shape in [Shape::RowsToState, Shape::StatesToState, Shape::StatesToValue] {
                registry.register_udaf(Arc::new(AggregateUDF::from(NamedAggregate::new(shape, named_call.clone()))))?;
            }
            named.push(named_call.name());
            registry.register_udf(Arc::new(ScalarUDF::from(NamedFinish::new(named_call))))?;
        }
    }
    Ok(named)
}

/// The aggregate that a state function is one of: `nps` for `nps_merge`, `count` for `count_distinct_state`. It is only told from
/// the name, so a function of another origin that is called like one is taken for one.
#[must_use]
pub fn aggregate_of(state_function: &str) -> Option<&str> {
    let name = ["_state", "_combine", "_finish", "_merge"].iter().find_map(|word| state_function.strip_suffix(word))?;
    Some(name.strip_suffix("_distinct").filter(|name| *name == "count").unwrap_or(name))
}

/// How the state that a function gives grows, where it is a state function; `arguments` are the fields of the call.
pub(crate) fn growth(function: &AggregateUDF, arguments: &[FieldRef]) -> Option<Result<StateGrowth>> {
    let named = function.inner().downcast_ref::<NamedAggregate>()?;
    Some(named.bound(arguments).and_then(|call| call.growth()))
}

/// Whether a function is a state function.
pub(crate) fn is_named(function: &AggregateUDF) -> bool {
    function.inner().is::<NamedAggregate>()
}

/// Whether a function is one that gives states of rows.
pub(crate) fn gives_states(function: &AggregateUDF) -> bool {
    function.inner().downcast_ref::<NamedAggregate>().is_some_and(|named| named.shape == Shape::RowsToState)
}

/// Calls of a function that differ in nothing but the types of their arguments and their constants.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct NamedCall {
    function: Arc<AggregateUDF>,
    version: u32,
    distinct: bool,
}

impl NamedCall {
    fn name(&self) -> String {
        format!("{}{}", self.function.name(), if self.distinct { "_distinct" } else { "" })
    }

    fn bind(&self, arguments: Vec<Argument>) -> Result<Arc<Call>> {
        let known = KnownFunctions::new().with_versions([(self.function.name(), self.version)]);
        let modifiers = Modifiers { distinct: self.distinct, ..Modifiers::default() };
        Ok(Arc::new(Call::bind(&known, Arc::clone(&self.function), arguments, modifiers)?.in_order()?))
    }

    /// The call of `f_state`, by the fields of its arguments.
    fn of_rows(&self, arguments: &[FieldRef]) -> Result<Arc<Call>> {
        for field in arguments {
            // The state names the types as text, so only those that can be read back will do.
            if field.data_type().to_string().parse::<DataType>().ok().as_ref() != Some(field.data_type()) {
                let what = format!("the argument of {}_state", self.name());
                return Err(StateError::UnsupportedType { what, data_type: field.data_type().clone() }.into());
            }
        }
        let argument = |field: &FieldRef| Argument { field: Arc::clone(field), parameter: parameter::said(field) };
        self.bind(arguments.iter().map(argument).collect())
    }

    /// The call that a column of states was built by.
    fn of_states(&self, columns: &[FieldRef]) -> Result<Arc<Call>> {
        let column = columns.first().ok_or_else(|| internal_datafusion_err!("{} was given no column", self.name()))?;
        let origin = Origin::of(column)?;
        origin.check(self.function.name(), self.version)?;
        let not_a_state = || StateError::NotAState { column: column.name().clone() };
        let arguments = (1..)
            .zip(&origin.arguments)
            .map(|(number, argument): (usize, _)| {
                let data_type: DataType = argument.parse().map_err(|_| not_a_state())?;
                let field = Field::new("argument", data_type, true);
                let Some(text) = origin.parameters.get(&number) else {
                    return Ok(Argument { field: Arc::new(field), parameter: None });
                };
                let field = parameter::saying(field, text);
                let parameter = Some(parameter::said(&field).ok_or_else(not_a_state)?);
                Ok(Argument { field: Arc::new(field), parameter })
            })
            .collect::<Result<Vec<Argument>, StateError>>()?;
        let call = self.bind(arguments)?;
        check_readable(column, &call, &StateType::of(&call)?)?;
        Ok(call)
    }
}

/// `f_state`, `f_combine` or `f_merge`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct NamedAggregate {
    shape: Shape,
    call: NamedCall,
    name: String,
    signature: Signature,
}

impl NamedAggregate {
    fn new(shape: Shape, call: NamedCall) -> Self {
        let signature = match shape.reads_states() {
            true => Signature::any(1, Volatility::Immutable),
            false => call.function.signature().clone(),
        };
        Self { shape, name: format!("{}_{}", call.name(), shape.word()), call, signature }
    }

    fn bound(&self, inputs: &[FieldRef]) -> Result<Arc<Call>> {
        if self.shape.reads_states() { self.call.of_states(inputs) } else { self.call.of_rows(inputs) }
    }

    fn bound_for(&self, args: &AccumulatorArgs<'_>) -> Result<Arc<Call>> {
        let untold = |(expr, field): (&Arc<dyn PhysicalExpr>, &FieldRef)| {
            expr.is::<Literal>() && parameter::said(field).is_none()
        };
        let untold = args.exprs.iter().zip(args.expr_fields).skip(1).any(untold);
        let ordered = !args.order_bys.is_empty() || args.ignore_nulls;
        self.refusal(args.is_distinct, ordered, untold)?;
        self.bound(args.expr_fields)
    }

    /// What is written in a call and does not show in the type of the state.
    fn refusal(&self, distinct: bool, ordered: bool, untold: bool) -> Result<(), StateError> {
        let refused = |why: String| Err(StateError::NoState { function: self.name.clone(), why });
        if distinct {
            let instead = match self.call.function.name() {
                "count" => "; use count_distinct_state",
                _ => "",
            };
            return refused(format!("takes no DISTINCT: a state column would not remember it{instead}"));
        }
        if ordered {
            return refused(
                "takes neither ORDER BY nor IGNORE NULLS: a state column would not remember them".to_owned(),
            );
        }
        if untold {
            let why = "takes only constants that can be written as text, and only from SQL: a state column would not remember others";
            return refused(why.to_owned());
        }
        Ok(())
    }
}

impl AggregateUDFImpl for NamedAggregate {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        self.call.function.coerce_types(arg_types)
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let fields: Vec<FieldRef> =
            arg_types.iter().map(|data_type| Arc::new(Field::new("argument", data_type.clone(), true))).collect();
        Ok(self.return_field(&fields)?.data_type().clone())
    }

    fn return_field(&self, arg_fields: &[FieldRef]) -> Result<FieldRef> {
        result_field(self.shape, self.bound(arg_fields)?.as_ref())
    }

    fn accumulator(&self, acc_args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        row_accumulator(self.shape, &self.bound_for(&acc_args)?)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        Ok(vec![state_column(self.bound(args.input_fields)?.as_ref())?])
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(StateGroups::new(self.shape, self.bound_for(&args)?)?))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    /// Changes nothing. This is where a call can be refused before it runs: later, DataFusion may have rewritten DISTINCT into
    /// a grouping.
    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        let function = self.clone();
        Some(Box::new(move |call, _| {
            let ordered =
                !call.params.order_by.is_empty() || call.params.null_treatment == Some(NullTreatment::IgnoreNulls);
            let untold = call.params.args.iter().skip(1).any(is_untold);
            function.refusal(call.params.distinct, ordered, untold)?;
            Ok(Expr::AggregateFunction(call))
        }))
    }
}

/// Whether an argument is a constant of which nothing is said.
fn is_untold(argument: &Expr) -> bool {
    match argument {
        Expr::Literal(_, said) => said.is_none(),
        _ => false,
    }
}

/// `f_finish`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct NamedFinish {
    call: NamedCall,
    name: String,
    signature: Signature,
}

impl NamedFinish {
    fn new(call: NamedCall) -> Self {
        Self { name: format!("{}_finish", call.name()), call, signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for NamedFinish {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let fields: Vec<FieldRef> =
            arg_types.iter().map(|data_type| Arc::new(Field::new("state", data_type.clone(), true))).collect();
        Ok(self.call.of_states(&fields)?.return_field()?.data_type().clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.call.of_states(args.arg_fields)?.return_field()
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        finish(&self.call.of_states(&args.arg_fields)?, &args)
    }
}
