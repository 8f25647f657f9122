//! Rows in, one HTML page out; and a page of what the rows are made by.
//!
//! A [`Page`] is a list of [`Figure`]s: a title, a chart, its rows and the SQL they came from. [`html`] makes one file of it
//! that opens from disk: charts are static SVG, there is no script, nothing is loaded from anywhere, and the same page gives
//! the same bytes. What is told by colour is told by a pattern, a dash, a marker or a number as well; every chart has a
//! title, a description, its numbers as a table, and its SQL.
//!
//! [`docs()`] makes a page of the same kind of what a project is made of: [`Docs`].

mod canvas;
mod chart;
mod docs;
mod figure;
mod format;
mod ink;
mod layers;
mod page;
mod rows;
mod scale;
mod table;
mod text;
mod ticks;

#[cfg(test)]
mod tests;

pub use docs::{
    CheckDoc, ColumnDoc, Docs, FigureDoc, FunctionDoc, ManualDoc, QueryDoc, TableDoc, TableKind, TestDoc, VarDoc, docs,
};
pub use figure::{Chart, Columns, Figure};
pub use page::{Fact, Page, html};
pub use rows::{Cell, Rows};
