//! The state of a call as one struct column that can be kept in Parquet and read years later.
//!
//! Its children are the columns of the accumulator's state, under stable names and at types every reader understands. The
//! first child carries, as field metadata, the function, its version, its argument types and the whole call: DataFusion drops the
//! metadata of top-level columns of Parquet files by default, but a child's is part of the column's type.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array, StructArray, new_empty_array};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, Int64Type};
use datafusion::common::internal_datafusion_err;
use datafusion::error::Result;

use crate::call::Call;
use crate::error::StateError;
use crate::parameter;
use crate::stored::{converted, stored_type};

/// Metadata key: the function that the state belongs to.
const FUNCTION: &str = "cxmill.state.function";
/// Metadata key: the version of the function.
const VERSION: &str = "cxmill.state.version";
/// Metadata key: the types of the call's arguments, one a line.
const ARGUMENTS: &str = "cxmill.state.arguments";
/// Metadata key, followed by the number of an argument from 1 on: its value, where it is a constant that text can tell.
const PARAMETER: &str = "cxmill.state.parameter.";
/// Metadata key: the whole call, see [`Call::describe`].
const CALL: &str = "cxmill.state.call";

/// How the accumulator's own state columns become one struct column at rest, and back.
#[derive(Debug, Clone)]
pub(crate) struct StateType {
    own: Vec<DataType>,
    fields: Fields,
    /// What the last child holds where a state function has constants: UNION gives all its rows the type of the first ones, so
    /// each state says by itself which constants it was made with.
    constants: Option<i64>,
    call: String,
    function: String,
}

impl StateType {
    pub(crate) fn of(call: &Call) -> Result<Self> {
        let own = call.own_state()?;
        let mut names: Vec<String> = Vec::with_capacity(own.len());
        let mut fields: Vec<Field> = Vec::with_capacity(own.len());
        for field in &own {
            let name = child_name(field.name(), &names);
            let what = format!("the state of {}", call.function_name());
            fields.push(Field::new(&name, stored_type(&what, field.data_type())?, true));
            names.push(name);
        }
        let constants = constants(call);
        if constants.is_some() {
            fields.push(Field::new(child_name("constants", &names), DataType::Int64, true));
        }
        let fields = fields
            .into_iter()
            .enumerate()
            .map(|(place, field)| if place == 0 { field.with_metadata(metadata(call)) } else { field })
            .collect();
        let own = own.iter().map(|field| field.data_type().clone()).collect();
        Ok(Self { own, fields, constants, call: call.describe(), function: call.function_name().to_owned() })
    }

    pub(crate) fn data_type(&self) -> DataType {
        DataType::Struct(self.fields.clone())
    }

    /// The accumulator's columns of `rows` groups → the struct column.
    pub(crate) fn pack(&self, own: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        let children = match own.is_empty() && rows == 0 {
            // An adapter over row accumulators gives no columns where it has no groups.
            true => self.fields.iter().map(|field| new_empty_array(field.data_type())).collect(),
            false => self
                .fields
                .iter()
                .enumerate()
                .map(|(place, field)| match (own.get(place), self.constants) {
                    (Some(column), _) => converted(column, field.data_type()),
                    (None, Some(constants)) if place == self.own.len() => {
                        Ok(Arc::new(Int64Array::from(vec![constants; rows])) as ArrayRef)
                    }
                    (None, _) => {
                        Err(internal_datafusion_err!("the state has {} columns, not {}", own.len(), self.own.len()))
                    }
                })
                .collect::<Result<Vec<_>>>()?,
        };
        Ok(Arc::new(StructArray::try_new(self.fields.clone(), children, None)?))
    }

    /// The struct column → the accumulator's columns.
    pub(crate) fn unpack(&self, states: &ArrayRef) -> Result<Vec<ArrayRef>> {
        let states = states
            .as_struct_opt()
            .filter(|states| states.num_columns() == self.fields.len())
            .ok_or_else(|| internal_datafusion_err!("{} is not the state's type", states.data_type()))?;
        if let Some(wanted) = self.constants {
            let said = states.columns().get(self.own.len()).and_then(|said| said.as_primitive_opt::<Int64Type>());
            let said =
                said.ok_or_else(|| internal_datafusion_err!("the state of {} has no constants", self.function))?;
            if (0..states.len()).any(|row| states.is_valid(row) && said.is_valid(row) && said.value(row) != wanted) {
                let found = "a call with other constants".to_owned();
                let (function, wanted) = (self.function.clone(), self.call.clone());
                return Err(StateError::OtherCall { function, found, wanted }.into());
            }
        }
        states.columns().iter().zip(&self.own).map(|(column, own)| converted(column, own)).collect()
    }
}

/// `avg(x)[sum]` → `sum`: the part of a state's name that does not depend on the query, made unique.
fn child_name(own: &str, taken: &[String]) -> String {
    let inner = own.rsplit_once('[').map_or(own, |(_, inner)| inner.trim_end_matches(']'));
    let word: String = inner
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' })
        .collect();
    let word = match word.trim_matches('_') {
        "" => "value".to_owned(),
        word => word.to_owned(),
    };
    let mut name = word.clone();
    let mut next = 2;
    while taken.contains(&name) {
        name = format!("{word}_{next}");
        next += 1;
    }
    name
}

/// What tells the constants of a state function's call from others; none where it has none.
fn constants(call: &Call) -> Option<i64> {
    let said = (1..).zip(call.arguments()).filter_map(|(number, argument): (usize, _)| {
        Some(format!("{number}={}\n", parameter::text(&parameter::said(&argument.field)?)?))
    });
    let said: String = said.collect();
    // FNV-1a, which no version of anything changes.
    let hash = said
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    (!said.is_empty()).then_some(hash.cast_signed())
}

fn metadata(call: &Call) -> HashMap<String, String> {
    let types: Vec<String> = call.arguments().iter().map(|argument| argument.field.data_type().to_string()).collect();
    let said = [
        (FUNCTION.to_owned(), call.function_name().to_owned()),
        (VERSION.to_owned(), call.version().to_string()),
        (ARGUMENTS.to_owned(), types.join("\n")),
        (CALL.to_owned(), call.describe()),
    ];
    let parameters = (1..).zip(call.arguments()).filter_map(|(number, argument): (usize, _)| {
        Some((format!("{PARAMETER}{number}"), parameter::text(argument.parameter.as_ref()?)?))
    });
    said.into_iter().chain(parameters).collect()
}

/// What a state says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Function it belongs to.
    pub function: String,
    /// Version of the function, as text.
    pub version: String,
    /// Types of the call's arguments.
    pub arguments: Vec<String>,
    /// The values of those that are constants, by number from 1 on.
    pub parameters: BTreeMap<usize, String>,
    /// The whole call.
    pub call: String,
}

impl Origin {
    /// Reads it from a column that may hold states.
    pub fn of(field: &Field) -> Result<Self, StateError> {
        let not_a_state = || StateError::NotAState { column: field.name().clone() };
        let DataType::Struct(children) = field.data_type() else { return Err(not_a_state()) };
        let metadata = children.first().ok_or_else(not_a_state)?.metadata();
        let read = |key: &str| metadata.get(key).cloned().ok_or_else(not_a_state);
        let parameter =
            |(key, value): (&String, &String)| Some((key.strip_prefix(PARAMETER)?.parse().ok()?, value.clone()));
        Ok(Self {
            parameters: metadata.iter().filter_map(parameter).collect(),
            function: read(FUNCTION)?,
            version: read(VERSION)?,
            arguments: read(ARGUMENTS)?.split('\n').map(str::to_owned).collect(),
            call: read(CALL)?,
        })
    }

    /// Whether states of both may stand in one column. The call names the function and its constants.
    pub(crate) fn is_of_one_call(&self, other: &Origin) -> bool {
        self.call == other.call && self.version == other.version
    }

    /// The call as it may be written, for people.
    pub(crate) fn describe(&self) -> String {
        let argument = |(number, argument): (usize, &String)| self.parameters.get(&number).unwrap_or(argument).clone();
        let arguments: Vec<String> = (1..).zip(&self.arguments).map(argument).collect();
        format!("{}({})", self.function, arguments.join(", "))
    }

    /// Whether a state may be read by a function of this name and version.
    pub(crate) fn check(&self, function: &str, version: u32) -> Result<(), StateError> {
        if self.function != function {
            return Err(StateError::OtherFunction { found: self.function.clone(), wanted: function.to_owned() });
        }
        if self.version != version.to_string() {
            return Err(StateError::OtherVersion {
                function: self.function.clone(),
                found: self.version.clone(),
                wanted: version,
            });
        }
        Ok(())
    }
}

/// Whether a column holds states that the call can read: same function, version, call and layout.
pub(crate) fn check_readable(column: &FieldRef, call: &Call, wanted: &StateType) -> Result<(), StateError> {
    let origin = Origin::of(column)?;
    origin.check(call.function_name(), call.version())?;
    if origin.call != call.describe() {
        return Err(StateError::OtherCall { function: origin.function, found: origin.call, wanted: call.describe() });
    }
    if !same_layout(column.data_type(), &wanted.data_type()) {
        return Err(StateError::OtherType {
            column: column.name().clone(),
            found: column.data_type().clone(),
            wanted: wanted.data_type(),
        });
    }
    Ok(())
}

/// Whether two types hold the same columns under the same names, whatever else their fields say.
fn same_layout(left: &DataType, right: &DataType) -> bool {
    let both = |left: &Field, right: &Field| same_layout(left.data_type(), right.data_type());
    match (left, right) {
        (DataType::Struct(left), DataType::Struct(right)) => {
            left.len() == right.len()
                && left.iter().zip(right).all(|(left, right)| left.name() == right.name() && both(left, right))
        }
        (DataType::List(left), DataType::List(right)) => both(left, right),
        _ => left == right,
    }
}
