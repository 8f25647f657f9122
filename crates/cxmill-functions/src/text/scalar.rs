//! From the definition of a function of texts to the object that DataFusion registers.
//!
//! All arguments are texts. One that is the same for all rows is one value; if all are, so is the result.

use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, StringViewArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::cast::as_string_view_array;
use datafusion::common::{Result, internal_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::tongue::{CODES, Tongue};
use crate::doc::Doc;
use crate::parameter::is_text;
use crate::scalar::{coerce, result};

/// A function as its module describes it.
pub(super) trait Definition: Debug + Default + Eq + Hash + Send + Sync + 'static {
    fn doc(&self) -> &'static Doc;

    fn returns(&self) -> DataType;

    /// Refuses rules that are known and wrong, before a row is read.
    fn check_rules(&self, _rules: &str) -> Result<()> {
        Ok(())
    }

    /// A value a row.
    fn values(&self, texts: &Texts) -> Result<ArrayRef>;
}

/// Makes the one shared object of a definition.
pub(super) fn udf<D: Definition>() -> Arc<ScalarUDF> {
    let definition = D::default();
    let documentation = definition.doc().documentation();
    Arc::new(ScalarUDF::from(OfTexts {
        definition,
        signature: Signature::user_defined(Volatility::Immutable),
        documentation,
    }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct OfTexts<D: Definition> {
    definition: D,
    signature: Signature,
    documentation: Documentation,
}

impl<D: Definition> ScalarUDFImpl for OfTexts<D> {
    fn name(&self) -> &str {
        self.definition.doc().name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let doc = self.definition.doc();
        coerce(doc, arg_types, |place, given| {
            Some(match is_text(given) {
                true => Ok(()),
                false => plan_err!("{}: {} is {given}; expected text", doc.name, doc.arguments[place].0),
            })
        })?;
        // A view of a text costs no copy of it.
        Ok(vec![DataType::Utf8View; arg_types.len()])
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(self.definition.returns())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let known = |place: usize| args.scalar_arguments.get(place).copied().flatten()?.try_as_str().flatten();
        if let Some(language) = known(LANGUAGE)
            && Tongue::of(language).is_none()
        {
            return plan_err!("{}: language is '{language}'; expected {CODES}", self.name());
        }
        if let Some(rules) = known(RULES) {
            self.definition.check_rules(rules)?;
        }
        Ok(Arc::new(Field::new(self.name(), self.definition.returns(), true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let texts = Texts::new(&args)?;
        result(self.definition.values(&texts)?, texts.are_constant)
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }
}

/// The places of arguments.
const TEXT: usize = 0;
const LANGUAGE: usize = 1;
const RULES: usize = 2;

/// The arguments of a call.
pub(super) struct Texts {
    columns: Vec<Column>,
    rows: usize,
    are_constant: bool,
}

enum Column {
    Same(Option<String>),
    Each(StringViewArray),
}

impl Texts {
    fn new(args: &ScalarFunctionArgs) -> Result<Self> {
        let columns: Vec<Column> = args.args.iter().map(Column::new).collect::<Result<_>>()?;
        let are_constant = columns.iter().all(|column| matches!(column, Column::Same(_)));
        Ok(Self { columns, rows: if are_constant { 1 } else { args.number_rows }, are_constant })
    }

    /// The text of each row.
    pub(super) fn texts(&self) -> impl Iterator<Item = Option<&str>> {
        (0..self.rows).map(|row| self.columns.get(TEXT)?.at(row))
    }

    /// The text of each row with its language, where both are known.
    pub(super) fn in_their_languages(&self) -> impl Iterator<Item = Option<(&str, Tongue)>> {
        let tongue = |row| self.columns.get(LANGUAGE)?.at(row).and_then(Tongue::of);
        self.texts().enumerate().map(move |(row, text)| text.zip(tongue(row)))
    }

    /// The rules, if they are the same for all rows.
    pub(super) fn rules(&self) -> Option<Option<&str>> {
        match self.columns.get(RULES)? {
            Column::Same(rules) => Some(rules.as_deref()),
            Column::Each(_) => None,
        }
    }
}

impl Column {
    fn new(arg: &ColumnarValue) -> Result<Self> {
        match arg {
            ColumnarValue::Array(texts) => Ok(Self::Each(as_string_view_array(texts)?.clone())),
            ColumnarValue::Scalar(text) => match text.try_as_str() {
                Some(text) => Ok(Self::Same(text.map(str::to_owned))),
                None => internal_err!("a text arrived as {}", text.data_type()),
            },
        }
    }

    fn at(&self, row: usize) -> Option<&str> {
        match self {
            Self::Same(text) => text.as_deref(),
            Self::Each(texts) => (row < texts.len() && texts.is_valid(row)).then(|| texts.value(row)),
        }
    }
}
