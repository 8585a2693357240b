//! What crosses to the page, with every text of it cut to a length that a page can hold, and every member in its place.
//!
//! A serializer around another: names of the trace are in a hundred places of a reply, and are cut here, once. Members
//! that JSON leaves out (`skip_serializing_if`: none, empty, false, zero) are written, as nothing: the bytes of
//! [`super::wire`] have no names, and read by place.

use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};
use serde::{Serialize, Serializer};

use crate::base::show;

/// Members that are the reader's own: rules for kernels, what was searched for, a file to be saved.
const WHOLE: [&str; 2] = ["kernel_rules", "text"];

/// A value of which every text is cut by [`show::clipped`].
pub struct Clip<'a, T: ?Sized>(pub &'a T);

impl<T: Serialize + ?Sized> Serialize for Clip<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(Clipping(serializer))
    }
}

/// Around a serializer, or what it gives for the parts of a value.
struct Clipping<S>(S);

macro_rules! as_it_is {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(self, value: $type) -> Result<S::Ok, S::Error> {
            self.0.$method(value)
        })*
    };
}

impl<S: Serializer> Serializer for Clipping<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Clipping<S::SerializeSeq>;
    type SerializeTuple = Clipping<S::SerializeTuple>;
    type SerializeTupleStruct = Clipping<S::SerializeTupleStruct>;
    type SerializeTupleVariant = Clipping<S::SerializeTupleVariant>;
    type SerializeMap = Clipping<S::SerializeMap>;
    type SerializeStruct = Clipping<S::SerializeStruct>;
    type SerializeStructVariant = Clipping<S::SerializeStructVariant>;

    as_it_is!(
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_f32: f32,
        serialize_f64: f64, serialize_char: char, serialize_bytes: &[u8], serialize_unit_struct: &'static str
    );

    fn serialize_str(self, text: &str) -> Result<S::Ok, S::Error> {
        self.0.serialize_str(&show::clipped(text))
    }

    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.0.serialize_none()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.0.serialize_some(&Clip(value))
    }

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.0.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        at: u32,
        key: &'static str,
    ) -> Result<S::Ok, S::Error> {
        self.0.serialize_unit_variant(name, at, key)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.0.serialize_newtype_struct(name, &Clip(value))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        at: u32,
        key: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.0.serialize_newtype_variant(name, at, key, &Clip(value))
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        self.0.serialize_seq(len).map(Clipping)
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, S::Error> {
        self.0.serialize_tuple(len).map(Clipping)
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleStruct, S::Error> {
        self.0.serialize_tuple_struct(name, len).map(Clipping)
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        at: u32,
        key: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        self.0.serialize_tuple_variant(name, at, key, len).map(Clipping)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        self.0.serialize_map(len).map(Clipping)
    }

    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeStruct, S::Error> {
        self.0.serialize_struct(name, len).map(Clipping)
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        at: u32,
        key: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        self.0.serialize_struct_variant(name, at, key, len).map(Clipping)
    }
}

macro_rules! of_elements {
    ($($trait:ident $method:ident),*) => {
        $(impl<S: $trait> $trait for Clipping<S> {
            type Ok = S::Ok;
            type Error = S::Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
                self.0.$method(&Clip(value))
            }

            fn end(self) -> Result<S::Ok, S::Error> {
                self.0.end()
            }
        })*
    };
}

of_elements!(
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
);

macro_rules! of_members {
    ($($trait:ident),*) => {
        $(impl<S: $trait> $trait for Clipping<S> {
            type Ok = S::Ok;
            type Error = S::Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), S::Error> {
                match WHOLE.contains(&key) {
                    true => self.0.serialize_field(key, value),
                    false => self.0.serialize_field(key, &Clip(value)),
                }
            }

            fn skip_field(&mut self, key: &'static str) -> Result<(), S::Error> {
                self.0.serialize_field(key, &None::<()>)
            }

            fn end(self) -> Result<S::Ok, S::Error> {
                self.0.end()
            }
        })*
    };
}

of_members!(SerializeStruct, SerializeStructVariant);

impl<S: SerializeMap> SerializeMap for Clipping<S> {
    type Ok = S::Ok;
    type Error = S::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), S::Error> {
        self.0.serialize_key(&Clip(key))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
        self.0.serialize_value(&Clip(value))
    }

    fn end(self) -> Result<S::Ok, S::Error> {
        self.0.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::engine::{Answer, Reply};
    use crate::protocol::wire;
    use crate::table::{Cell, Page, Term};
    use crate::view::SliceArgs;

    fn long() -> String {
        "n".repeat(1_000_000)
    }

    /// The reply as the page hears it.
    fn heard(reply: &Reply) -> Reply {
        wire::reply_of(&wire::bytes_of(reply).expect("bytes")).expect("a reply")
    }

    #[test]
    fn every_text_of_an_answer_is_cut_and_all_else_stays() {
        let cut = show::clipped(&long()).into_owned();
        let with = |text: &str| Reply::Answer {
            id: 7,
            answer: Answer::Table(Box::new(Page {
                title: text.to_owned(),
                says: vec![text.to_owned()],
                rows: vec![vec![
                    Cell::Text(text.to_owned()),
                    Cell::Term(Term::word(text.to_owned())),
                    Cell::Int(-5),
                    Cell::Unknown,
                    Cell::Real(0.5),
                ]],
                n_rows: 1,
                ..Page::default()
            })),
        };
        assert_eq!(heard(&with(&long())), with(&cut));
        let with = |text: &str| Reply::Answer {
            id: 8,
            answer: Answer::Args(SliceArgs {
                slice: 1,
                args: vec![(text.to_owned(), text.to_owned())],
                n_left_out: 0,
            }),
        };
        assert_eq!(heard(&with(&long())), with(&cut));
    }

    #[test]
    fn a_file_to_be_saved_is_whole() {
        let reply = Reply::Answer {
            id: 1,
            answer: Answer::Report {
                file_name: "a.csv".to_owned(),
                text: long(),
            },
        };
        assert_eq!(heard(&reply), reply);
    }
}
