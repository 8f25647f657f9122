//! Visits from single events: `session_id(event_time, gap)`.
//!
//! The function reads a partition in its order, once. Events that are out of order would be cut into wrong sessions without
//! a trace, so they are refused instead of sorted: the order is part of the query.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Int64Type};
use datafusion::common::{Result, exec_err, internal_err, plan_err};
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::function::{PartitionEvaluatorArgs, WindowFunctionSimplification, WindowUDFFieldArgs};
use datafusion::logical_expr::{
    Documentation, Expr, LimitEffect, PartitionEvaluator, Signature, Volatility, WindowUDF, WindowUDFImpl,
};
use datafusion::physical_expr::PhysicalExpr;

use crate::doc::{Doc, FunctionKind};
use crate::journey::span::{SpanParameter, event_time_type, unit_of};

pub(crate) static SESSION_ID: LazyLock<Arc<WindowUDF>> = LazyLock::new(|| {
    Arc::new(WindowUDF::from(SessionId {
        signature: Signature::user_defined(Volatility::Immutable),
        documentation: SESSION_ID_DOC.documentation(),
    }))
});

const GAP: SpanParameter = SpanParameter { function: "session_id", argument: "gap", position: 1 };

pub(crate) static SESSION_ID_DOC: Doc = Doc {
    name: "session_id",
    kind: FunctionKind::Window,
    version: 1,
    signature: "session_id(event_time, gap) → bigint",
    description: "The number of the session that an event belongs to: 1 for the first events of the partition, one more after \
                  each silence that is longer than gap. An event without a time has no session and is NULL. Use it as \
                  session_id(event_time, gap) OVER (PARTITION BY customer ORDER BY event_time).",
    arguments: &[
        ("event_time", "a timestamp or a date, by which the window is ordered"),
        (
            "gap",
            "a constant interval, 0 or more: the longest silence within a session. Its days are days of 24 hours; months have \
             no fixed length and are refused",
        ),
    ],
    errors: "Events that are not in ascending order of event_time, or a gap that is not a constant interval of days or less, or \
             is below 0, are an error.",
    example: "SELECT at, session_id(at, INTERVAL '30 minutes') OVER (ORDER BY at) AS session\n\
              FROM (VALUES (TIMESTAMP '2026-01-01T09:00:00'), (TIMESTAMP '2026-01-01T09:30:00'),\n\
              \x20            (TIMESTAMP '2026-01-01T10:01:00')) AS visits(at) ORDER BY at\n\
              -- 2026-01-01T09:00:00, 1\n\
              -- 2026-01-01T09:30:00, 1\n\
              -- 2026-01-01T10:01:00, 2",
    source: "Sessions by inactivity, as in web analytics.",
};

#[derive(Debug, PartialEq, Eq, Hash)]
struct SessionId {
    signature: Signature,
    documentation: Documentation,
}

impl WindowUDFImpl for SessionId {
    fn name(&self) -> &str {
        SESSION_ID_DOC.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        match arg_types {
            [event_time, gap] => Ok(vec![event_time_type("session_id", event_time)?, GAP.coerce(gap)?]),
            _ => plan_err!("session_id: {} arguments; expected session_id(event_time, gap)", arg_types.len()),
        }
    }

    fn field(&self, field_args: WindowUDFFieldArgs<'_>) -> Result<FieldRef> {
        Ok(Arc::new(Field::new(field_args.name(), DataType::Int64, true)))
    }

    fn simplify(&self) -> Option<WindowFunctionSimplification> {
        Some(Box::new(|call: WindowFunction, _| {
            GAP.check_planned(&call.params.args)?;
            Ok(Expr::from(call))
        }))
    }

    fn partition_evaluator(&self, args: PartitionEvaluatorArgs<'_>) -> Result<Box<dyn PartitionEvaluator>> {
        let Some(event_time) = args.input_fields().first() else {
            return internal_err!("session_id was planned without arguments");
        };
        let gap = GAP.read(args.input_exprs())?.in_units(unit_of(event_time.data_type()));
        Ok(Box::new(Sessions { gap }))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }

    /// A session number needs the events before, none after.
    fn limit_effect(&self, _args: &[Arc<dyn PhysicalExpr>]) -> LimitEffect {
        LimitEffect::None
    }
}

#[derive(Debug)]
struct Sessions {
    /// In units of the event times.
    gap: u64,
}

impl PartitionEvaluator for Sessions {
    fn evaluate_all(&mut self, values: &[ArrayRef], _num_rows: usize) -> Result<ArrayRef> {
        let Some(times) = values.first() else { return internal_err!("session_id was called without arguments") };
        let nulls = times.nulls().cloned();
        let times = cast(times, &DataType::Int64)?;
        let times = times.as_primitive::<Int64Type>().values();
        let mut sessions = vec![0; times.len()];
        let (mut session, mut last) = (1, None);
        for (row, &time) in times.iter().enumerate() {
            if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                continue;
            }
            if let Some(last) = last {
                if time < last {
                    return exec_err!(
                        "session_id: event_time goes back in row {} of its partition; expected ascending order, \
                         OVER (… ORDER BY event_time)",
                        row + 1
                    );
                }
                session += i64::from(time.abs_diff(last) > self.gap);
            }
            last = Some(time);
            sessions[row] = session;
        }
        Ok(Arc::new(Int64Array::new(sessions.into(), nulls)))
    }
}
