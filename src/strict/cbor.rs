//! CBOR, which CloudWatch speaks, as JSON.

use std::convert::Infallible;

use minicbor::data::{IanaTag, Type};
use minicbor::decode::{Decoder, Error};
use minicbor::encode::Encoder;
use serde_json::{Map, Value};

/// Headers of an answer in CBOR. Source: Smithy, "RPC v2 CBOR protocol".
pub const HEADERS: [(&str, &str); 2] = [
    ("content-type", "application/cbor"),
    ("smithy-protocol", "rpc-v2-cbor"),
];

/// Stands for a time: an object with this one member, the seconds since 1970.
pub const TIME: &str = "$time";

/// Deeper than anything that CloudWatch takes.
const DEPTH_MAX: usize = 32;

/// Reads a document; a time is its seconds since 1970. `None` where it is damaged, or has what JSON has not.
pub(super) fn read(bytes: &[u8]) -> Option<Value> {
    value(&mut Decoder::new(bytes), DEPTH_MAX).ok()
}

fn value(from: &mut Decoder<'_>, depth: usize) -> Result<Value, Error> {
    let depth = depth.checked_sub(1).ok_or(Error::message("too deep"))?;
    Ok(match from.datatype()? {
        Type::Bool => from.bool()?.into(),
        Type::Null | Type::Undefined => {
            from.skip()?;
            Value::Null
        }
        Type::F16 | Type::F32 | Type::F64 => from.f64()?.into(),
        Type::String | Type::StringIndef => text(from)?.into(),
        Type::Tag => {
            from.tag()?;
            value(from, depth)?
        }
        Type::Array | Type::ArrayIndef => {
            let mut left = from.array()?;
            let mut items = Vec::new();
            while more(from, &mut left)? {
                items.push(value(from, depth)?);
            }
            items.into()
        }
        Type::Map | Type::MapIndef => {
            let mut left = from.map()?;
            let mut members = Map::new();
            while more(from, &mut left)? {
                members.insert(text(from)?, value(from, depth)?);
            }
            members.into()
        }
        _ => from.i64()?.into(),
    })
}

fn text(from: &mut Decoder<'_>) -> Result<String, Error> {
    from.str_iter()?.collect()
}

/// Whether another item follows. `left`: how many are, where that was told.
fn more(from: &mut Decoder<'_>, left: &mut Option<u64>) -> Result<bool, Error> {
    match left {
        Some(0) => Ok(false),
        Some(left) => {
            *left -= 1;
            Ok(true)
        }
        None if from.datatype()? == Type::Break => from.skip().map(|()| false),
        None => Ok(true),
    }
}

/// Writes a document. See [`TIME`].
pub fn write(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to memory cannot fail.
    let _ = put(&mut Encoder::new(&mut bytes), value);
    bytes
}

type Put = Result<(), minicbor::encode::Error<Infallible>>;

fn put(to: &mut Encoder<&mut Vec<u8>>, value: &Value) -> Put {
    match value {
        Value::Null => to.null().map(drop),
        Value::Bool(bool) => to.bool(*bool).map(drop),
        Value::String(text) => to.str(text).map(drop),
        Value::Number(number) => match number.as_i64() {
            Some(number) => to.i64(number).map(drop),
            None => to.f64(number.as_f64().unwrap_or_default()).map(drop),
        },
        Value::Array(items) => {
            to.array(items.len() as u64)?;
            items.iter().try_for_each(|item| put(to, item))
        }
        Value::Object(members) => {
            if let Some(seconds) = members.get(TIME) {
                to.tag(IanaTag::Timestamp)?;
                return put(to, seconds);
            }
            to.map(members.len() as u64)?;
            members.iter().try_for_each(|(name, member)| {
                to.str(name)?;
                put(to, member)
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_json_can_say_comes_back_as_it_was() {
        let document = json!({"a": [1, -2, 2.5, null, true], "b": {"c": "ä", "d": []}});
        assert_eq!(read(&write(&document)), Some(document));
        let time = json!({"at": {TIME: 1_767_225_600}});
        assert_eq!(read(&write(&time)), Some(json!({"at": 1_767_225_600})));
    }

    #[test]
    fn what_is_damaged_or_too_deep_is_nothing() {
        // A map without a length, as the SDK writes them, and one that breaks off.
        assert_eq!(read(b"\xbf\x61a\x01\xff"), Some(json!({"a": 1})));
        assert_eq!(read(b"\xbf\x61a\x01"), None);
        assert_eq!(read(&[0x81; 100_000]), None);
        assert_eq!(read(b"{\"a\": 1}"), None);
    }
}
