//! What other programs need in order to run slogen, as text. Pure: who asks for it writes it.

pub mod snippets;
