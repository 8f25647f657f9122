//! What is most frequent: the channel, the hour, the device that a customer chooses most.

pub(crate) mod mode;
pub(crate) mod values;
