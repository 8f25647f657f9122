mod columnar;
mod convert;
mod rules;
