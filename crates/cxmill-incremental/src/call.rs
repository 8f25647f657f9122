//! One call of an aggregate function with everything that was bound when it was planned.
//!
//! DataFusion tells a function its DISTINCT, its ORDER BY and its parameters only when the accumulator is made. A state that
//! outlives the query must know them earlier and longer, so a [`Call`] holds them and makes the inner accumulator itself.

use std::hash::Hash;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, new_null_array};
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{AggregateUDF, EmitTo, GroupsAccumulator, ScalarUDF};
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_expr::{GroupsAccumulatorAdapter, PhysicalExpr, PhysicalSortExpr};

use crate::error::StateError;
use crate::keep::KeptRows;
use crate::known::{Kind, KnownFunctions, Method, StateGrowth, heeds_order, method, state_growth};
use crate::named;
use crate::parameter;
use crate::state::StateType;
use crate::stored::stored_type;
use crate::wrap::{FinishFunction, Shape, StateFunction};

/// One argument of a call.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Argument {
    /// Its type.
    pub field: FieldRef,
    /// Its value where it is a constant. Where all arguments are constants, the first one is a column with that value in each
    /// row (`count(1)`).
    pub parameter: Option<ScalarValue>,
}

/// What an ORDER BY inside a call sorts by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum OrderKey {
    /// An argument, by its place.
    Argument(usize, SortOptions),
    /// Another column, which is then passed after the arguments.
    Column(FieldRef, SortOptions),
}

impl OrderKey {
    pub(crate) fn options(&self) -> SortOptions {
        match self {
            OrderKey::Argument(_, options) | OrderKey::Column(_, options) => *options,
        }
    }
}

/// The modifiers of a call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Modifiers {
    /// DISTINCT.
    pub distinct: bool,
    /// ORDER BY, or WITHIN GROUP (ORDER BY).
    pub order_by: Vec<OrderKey>,
    /// IGNORE NULLS.
    pub ignore_nulls: bool,
}

/// A call whose state can be kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Call {
    function: Arc<AggregateUDF>,
    version: u32,
    arguments: Vec<Argument>,
    modifiers: Modifiers,
    method: Method,
}

impl Call {
    /// Binds a call. Argument types must be those that the function's signature coerces to. An error says why the call has
    /// no state that could be kept.
    pub fn bind(
        known: &KnownFunctions,
        function: Arc<AggregateUDF>,
        mut arguments: Vec<Argument>,
        mut modifiers: Modifiers,
    ) -> Result<Self, StateError> {
        let name = function.name().to_owned();
        if arguments.iter().all(|argument| argument.parameter.is_some())
            && let Some(first) = arguments.first_mut()
        {
            first.parameter = None;
        }
        let heeds = heeds_order(&name).unwrap_or_else(|| !function.order_sensitivity().is_insensitive());
        if !heeds && !function.supports_within_group_clause() {
            modifiers.order_by.clear();
        }
        let ordered = heeds && !function.supports_within_group_clause() && !modifiers.order_by.is_empty();
        let kind = Kind { distinct: modifiers.distinct, ordered };
        let method = method(&name, kind)?;
        let foreign = modifiers.order_by.iter().any(|key| matches!(key, OrderKey::Column(_, _)));
        let no_state = |why: &str| StateError::NoState { function: name.clone(), why: why.to_owned() };
        if method == Method::DistinctRows && foreign {
            return Err(no_state("with DISTINCT can only be ordered by its own arguments"));
        }
        if function.supports_within_group_clause() && foreign {
            return Err(no_state("can only be ordered by its own argument"));
        }
        if arguments.is_empty() {
            return Err(no_state("has no argument whose rows could be kept"));
        }
        let untold = |argument: &Argument| argument.parameter.is_some() && parameter::said(&argument.field).is_none();
        if named::is_named(&function) && (modifiers != Modifiers::default() || arguments.iter().any(untold)) {
            return Err(no_state(
                "takes neither DISTINCT, nor ORDER BY, nor constants that no text tells: a state column would not remember them",
            ));
        }
        let call = Self { version: known.version(&name), function, arguments, modifiers, method };
        for argument in call.arguments.iter().filter(|_| call.method != Method::Own) {
            stored_type(argument.field.name(), argument.field.data_type())?;
        }
        Ok(call)
    }

    /// The same call with a state that is the same for the same rows, in whatever order they come: where the function's own state
    /// grows with the rows, and so lists them as they came, the rows are kept in their own order instead.
    pub(crate) fn in_order(mut self) -> Result<Self> {
        if self.method == Method::Own && self.growth()? == StateGrowth::Rows {
            self.method = Method::Rows;
        }
        Ok(self)
    }

    /// Name of the function.
    #[must_use]
    pub fn function_name(&self) -> &str {
        self.function.name()
    }

    /// Version of the function.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }

    /// How the state of one group grows.
    pub fn growth(&self) -> Result<StateGrowth> {
        if let Some(growth) = named::growth(&self.function, &self.argument_fields()) {
            return growth;
        }
        let state: Vec<DataType> = self.own_state()?.iter().map(|field| field.data_type().clone()).collect();
        let ordered = matches!(self.method, Method::Rows | Method::FirstRow | Method::LastRow);
        let kind = Kind { distinct: self.modifiers.distinct, ordered };
        Ok(state_growth(self.function_name(), kind, self.method, &state))
    }

    /// The call as text that names all that its state depends on, for messages and for comparison.
    #[must_use]
    pub fn describe(&self) -> String {
        let arguments: Vec<String> = self
            .arguments
            .iter()
            .map(|argument| match &argument.parameter {
                None => argument.field.data_type().to_string(),
                Some(value) => format!("{value}: {}", argument.field.data_type()),
            })
            .collect();
        let mut text = format!("{}({})", self.function_name(), arguments.join(", "));
        for key in &self.modifiers.order_by {
            let by = match key {
                OrderKey::Argument(place, _) => format!("argument {}", place + 1),
                OrderKey::Column(field, _) => field.data_type().to_string(),
            };
            let options = key.options();
            let direction = if options.descending { "desc" } else { "asc" };
            let nulls = if options.nulls_first { "nulls first" } else { "nulls last" };
            text.push_str(&format!(" order by {by} {direction} {nulls}"));
        }
        if self.modifiers.ignore_nulls {
            text.push_str(" ignore nulls");
        }
        text.push_str(&format!(", kept as {}", self.method.name()));
        text
    }

    /// *State of f*: rows → states. Its arguments are those of the call, then the columns its ORDER BY sorts by; it is called
    /// without DISTINCT and ORDER BY, which are bound already. FILTER stays outside.
    #[must_use]
    pub fn state_function(&self) -> Arc<AggregateUDF> {
        StateFunction::udaf(Shape::RowsToState, self)
    }

    /// *Combine states of f*: states → states.
    #[must_use]
    pub fn combine_function(&self) -> Arc<AggregateUDF> {
        StateFunction::udaf(Shape::StatesToState, self)
    }

    /// *Finish a state of f*: each state → its value.
    #[must_use]
    pub fn finish_function(&self) -> Arc<ScalarUDF> {
        FinishFunction::udf(self)
    }

    /// The type of the state's column.
    pub fn state_type(&self) -> Result<DataType> {
        Ok(StateType::of(self)?.data_type())
    }

    /// The number of columns that the state is built from.
    #[must_use]
    pub fn inputs(&self) -> usize {
        let columns = self.modifiers.order_by.iter().filter(|key| matches!(key, OrderKey::Column(_, _)));
        self.arguments.len() + columns.count()
    }

    pub(crate) fn arguments(&self) -> &[Argument] {
        &self.arguments
    }

    pub(crate) fn order_by(&self) -> &[OrderKey] {
        &self.modifiers.order_by
    }

    pub(crate) fn ignore_nulls(&self) -> bool {
        self.modifiers.ignore_nulls
    }

    pub(crate) fn method(&self) -> Method {
        self.method
    }

    /// The result's field.
    pub(crate) fn return_field(&self) -> Result<FieldRef> {
        self.function.return_field(&self.argument_fields())
    }

    fn argument_fields(&self) -> Vec<FieldRef> {
        self.arguments.iter().map(|argument| Arc::clone(&argument.field)).collect()
    }

    /// Whether an argument is a constant.
    pub(crate) fn has_parameters(&self) -> bool {
        self.arguments.iter().any(|argument| argument.parameter.is_some())
    }

    /// The columns of the state as its accumulator gives and takes them.
    pub(crate) fn own_state(&self) -> Result<Vec<FieldRef>> {
        if self.method != Method::Own {
            return Ok(vec![KeptRows::state_field(self)?]);
        }
        self.function.state_fields(StateFieldsArgs {
            name: self.function.name(),
            input_fields: &self.argument_fields(),
            return_field: self.return_field()?,
            ordering_fields: &[],
            is_distinct: false,
        })
    }

    /// The accumulator whose state is kept.
    pub(crate) fn accumulator(self: &Arc<Self>) -> Result<Box<dyn GroupsAccumulator>> {
        match self.method {
            Method::Own => self.plain_accumulator(),
            _ => Ok(Box::new(KeptRows::new(Arc::clone(self))?)),
        }
    }

    /// The state columns of one group without rows, as the accumulator gives them.
    pub(crate) fn state_of_nothing(self: &Arc<Self>) -> Result<Vec<ArrayRef>> {
        let further = self.modifiers.order_by.iter().filter_map(|key| match key {
            OrderKey::Column(field, _) => Some(field),
            OrderKey::Argument(_, _) => None,
        });
        let inputs: Vec<ArrayRef> = self
            .arguments
            .iter()
            .map(|argument| &argument.field)
            .chain(further)
            .map(|field| new_null_array(field.data_type(), 1))
            .collect();
        let mut accumulator = self.accumulator()?;
        // A row that the filter leaves out makes the group and adds nothing to it.
        accumulator.update_batch(&inputs, &[0], Some(&BooleanArray::from(vec![false])), 1)?;
        accumulator.state(EmitTo::All)
    }

    /// The function's accumulator over rows that are already in order and distinct.
    ///
    /// One kind for a call, always: some functions declare the same state columns for their row and their groups accumulator
    /// and fill them differently (`corr` does).
    pub(crate) fn plain_accumulator(self: &Arc<Self>) -> Result<Box<dyn GroupsAccumulator>> {
        if self.with_arguments(|arguments| Ok(self.function.groups_accumulator_supported(arguments)))? {
            return self.with_arguments(|arguments| self.function.create_groups_accumulator(arguments));
        }
        let call = Arc::clone(self);
        Ok(Box::new(GroupsAccumulatorAdapter::new(move || {
            call.with_arguments(|arguments| call.function.accumulator(arguments))
        })))
    }

    fn with_arguments<T>(&self, use_them: impl FnOnce(AccumulatorArgs<'_>) -> Result<T>) -> Result<T> {
        let fields = self.argument_fields();
        let schema = Schema::new(
            (0..)
                .zip(&fields)
                .map(|(place, field): (usize, _)| Field::new(column_name(place), field.data_type().clone(), true))
                .collect::<Vec<_>>(),
        );
        let exprs: Vec<Arc<dyn PhysicalExpr>> = self
            .arguments
            .iter()
            .enumerate()
            .map(|(place, argument)| match &argument.parameter {
                Some(value) => Arc::new(Literal::new(value.clone())) as Arc<dyn PhysicalExpr>,
                None => Arc::new(Column::new(&column_name(place), place)),
            })
            .collect();
        // Only WITHIN GROUP is an argument of the function; any other order the kept rows have already.
        let order: Vec<PhysicalSortExpr> = match self.function.supports_within_group_clause() {
            false => Vec::new(),
            true => self
                .modifiers
                .order_by
                .iter()
                .filter_map(|key| match key {
                    OrderKey::Argument(place, options) => Some((exprs.get(*place)?, options)),
                    OrderKey::Column(_, _) => None,
                })
                .map(|(expr, options)| PhysicalSortExpr { expr: Arc::clone(expr), options: *options })
                .collect(),
        };
        use_them(AccumulatorArgs {
            return_field: self.return_field()?,
            schema: &schema,
            ignore_nulls: self.modifiers.ignore_nulls,
            order_bys: &order,
            is_reversed: false,
            name: self.function.name(),
            is_distinct: false,
            exprs: &exprs,
            expr_fields: &fields,
        })
    }
}

fn column_name(place: usize) -> String {
    format!("argument_{}", place + 1)
}
