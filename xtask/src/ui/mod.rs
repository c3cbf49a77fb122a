//! What a person sees and is asked. Nothing else knows a terminal.

pub(crate) mod prompts;
