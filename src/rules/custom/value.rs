//! Values of a manifest as CEL has them.

use std::collections::HashMap;
use std::fmt;

use kube_cel::cel::Value as Cel;

use crate::yaml::{Place, Scalar};

/// The most bytes of keys and values of an object, aliases written out.
const MAX_BYTES: usize = 1 << 20;

/// What each value costs beside its text: a quote on both sides, a comma and a colon.
const PER_VALUE: usize = 4;

/// A value, and what decides how long loops over it may take.
pub(super) struct Converted {
    /// The value.
    pub(super) value: Cel,
    /// The most entries or items that one mapping or sequence in it has.
    pub(super) longest_list: usize,
    /// The most bytes that one text in it has.
    pub(super) longest_text: usize,
}

/// An object above 1 MiB.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLarge;

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the object is larger than 1 MiB")
    }
}

/// Reads what stands at `place` as the API server hands an object over: every whole number is signed.
pub(super) fn convert(place: Place<'_>) -> Result<Converted, TooLarge> {
    let mut reader = Reader { left: MAX_BYTES, longest_list: 0, longest_text: 0 };
    let value = reader.value(place)?;
    Ok(Converted { value, longest_list: reader.longest_list, longest_text: reader.longest_text })
}

struct Reader {
    left: usize,
    longest_list: usize,
    longest_text: usize,
}

impl Reader {
    fn value(&mut self, place: Place<'_>) -> Result<Cel, TooLarge> {
        self.pay(0)?;
        if place.is_mapping() {
            let entries = place.entries();
            self.longest_list = self.longest_list.max(entries.len());
            let entries = entries.into_iter().map(|(key, value)| {
                self.pay(key.len())?;
                Ok((key.to_owned(), self.value(value)?))
            });
            return Ok(Cel::from(entries.collect::<Result<HashMap<_, _>, _>>()?));
        }
        if place.is_sequence() {
            let items = place.items().map(|item| self.value(item));
            let items = items.collect::<Result<Vec<_>, _>>()?;
            self.longest_list = self.longest_list.max(items.len());
            return Ok(Cel::from(items));
        }
        Ok(match place.scalar() {
            Some(Scalar::Bool(value)) => Cel::Bool(value),
            Some(Scalar::Int(value)) => Cel::Int(value),
            Some(Scalar::Float(value)) => Cel::Float(value),
            Some(Scalar::Str(text)) => {
                self.pay(text.len())?;
                self.longest_text = self.longest_text.max(text.len());
                Cel::from(text)
            }
            Some(Scalar::Null) | None => Cel::Null,
        })
    }

    fn pay(&mut self, bytes: usize) -> Result<(), TooLarge> {
        self.left = self.left.checked_sub(bytes + PER_VALUE).ok_or(TooLarge)?;
        Ok(())
    }
}
