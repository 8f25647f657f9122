mod columnar;
mod convert;
mod direct;
mod rules;
