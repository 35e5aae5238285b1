//! From nodes to our types. An error keeps the place of the innermost value that did not fit.

use std::fmt;

use serde::de::value::{BorrowedStrDeserializer, StringDeserializer};
use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use super::{Kind, Member, Node, Position};

/// A value that does not fit its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Where, as closely as is known.
    pub at: Option<Position>,
    /// What does not fit.
    pub message: String,
}

impl Error {
    fn near(mut self, at: Position) -> Self {
        self.at.get_or_insert(at);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { at: None, message: message.to_string() }
    }
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let result = match &self.kind {
            Kind::Null => visitor.visit_unit(),
            Kind::Bool(value) => visitor.visit_bool(*value),
            Kind::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(number), _) => visitor.visit_u64(number),
                (None, Some(number)) => visitor.visit_i64(number),
                (None, None) => visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN)),
            },
            Kind::Text(text) => visitor.visit_borrowed_str(text),
            Kind::List(elements) => visitor.visit_seq(Elements { rest: elements.iter() }),
            Kind::Map(members) => visitor.visit_map(Members { rest: members.iter(), value: None }),
        };
        result.map_err(|error| error.near(self.at))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.kind {
            Kind::Null => visitor.visit_none(),
            Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::List(_) | Kind::Map(_) => {
                visitor.visit_some(self).map_err(|error| error.near(self.at))
            }
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self).map_err(|error| error.near(self.at))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let result = match (&self.kind, self.members()) {
            (Kind::Text(text), _) => visitor.visit_enum(text.as_str().into_deserializer()),
            (Kind::Map(_), [only]) => visitor.visit_enum(Variant(only)),
            (Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::List(_) | Kind::Map(_), _) => {
                Err(de::Error::custom("write one name, or one key with its value"))
            }
        };
        result.map_err(|error: Error| error.near(self.at))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

struct Elements<'de> {
    rest: std::slice::Iter<'de, Node>,
}

impl<'de> SeqAccess<'de> for Elements<'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let Some(element) = self.rest.next() else { return Ok(None) };
        seed.deserialize(element).map(Some).map_err(|error| error.near(element.at))
    }
}

struct Members<'de> {
    rest: std::slice::Iter<'de, Member>,
    value: Option<&'de Node>,
}

impl<'de> MapAccess<'de> for Members<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let Some(member) = self.rest.next() else { return Ok(None) };
        self.value = Some(&member.value);
        let key = BorrowedStrDeserializer::<Error>::new(&member.key);
        seed.deserialize(key).map(Some).map_err(|error| error.near(member.at))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let Some(value) = self.value.take() else {
            return Err(de::Error::custom("a value without its key"));
        };
        seed.deserialize(value).map_err(|error| error.near(value.at))
    }
}

struct Variant<'de>(&'de Member);

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Error;
    type Variant = &'de Node;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, &'de Node), Error> {
        let name = StringDeserializer::<Error>::new(self.0.key.clone());
        let variant = seed.deserialize(name).map_err(|error| error.near(self.0.at))?;
        Ok((variant, &self.0.value))
    }
}

impl<'de> VariantAccess<'de> for &'de Node {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        match self.kind {
            Kind::Null => Ok(()),
            Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::List(_) | Kind::Map(_) => {
                Err(Error { at: Some(self.at), message: "this name takes no value".to_owned() })
            }
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self).map_err(|error| error.near(self.at))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_any(visitor)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::super::parse;
    use crate::domain::{Agreement, Organization, Secret};

    #[test]
    fn an_error_keeps_the_place_of_the_innermost_value() {
        let text = "id: a1\nprovider: tax\nconsumer: police\nentry: tax/payers\nitems: [a, 9b]\n\
                    document: d\nterm: {from: 2026-01-01, until: 2026-02-01}\nstate: effective\n";
        let node = &parse(text).unwrap()[0];

        let error = Agreement::deserialize(node).unwrap_err();

        assert_eq!(error.at, Some(node.place("/items/1")));
        assert!(error.message.contains("`9b` is no item name"), "{error}");
    }

    #[test]
    fn enums_are_read_in_every_form_we_use() {
        let node = &parse("file: /run/secret").unwrap()[0];
        assert_eq!(Secret::deserialize(node), Ok(Secret::File("/run/secret".into())));

        let text = "id: tax\nname: 税务\nuscc: 11640100MB9T00011X\nkind: department\n\
                    region: '640100'\napplications:\n- id: tax/desk\n  name: 办事\n  credentials:\n  \
                    - kind: name\n    dns: desk.example\n";
        let organization = Organization::deserialize(&parse(text).unwrap()[0]).unwrap();
        assert_eq!(organization.applications[0].credentials.len(), 1);
    }
}
