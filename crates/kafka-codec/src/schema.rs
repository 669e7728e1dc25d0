//! How a table of fields becomes a struct that is read and written in every version.
//!
//! A line of a table is Kafka's own schema in short:
//!
//! ```text
//! name: type => first version ..= last version [nullable from] [tag number] [= default],
//! ```

use bytes::Bytes;

use crate::error::CodecError;
use crate::field::Field;
use crate::reader::Reader;
use crate::writer::Writer;

/// The body of a request or an answer.
pub trait Message<'a>: Field<'a> + Default {
    /// The API's number.
    const KEY: i16;
    /// The least version that is understood.
    const VERSION_MIN: i16;
    /// The greatest version that is understood; less of it may be advertised.
    const VERSION_MAX: i16;
    /// From which version on it is flexible.
    const FLEXIBLE_FROM: i16;

    /// Reads a body that begins at `at`. Bytes behind it are left alone, as Kafka does.
    ///
    /// # Errors
    /// When the bytes are no such message.
    fn decode(frame: &'a Bytes, at: usize, version: i16) -> Result<Self, CodecError> {
        Self::decode_listing(frame, at, version, usize::MAX)
    }

    /// The same, of a body whose lists have at most `elements_max` elements together.
    ///
    /// # Errors
    /// When the bytes are no such message, or it lists more.
    fn decode_listing(
        frame: &'a Bytes,
        at: usize,
        version: i16,
        elements_max: usize,
    ) -> Result<Self, CodecError> {
        if !(Self::VERSION_MIN..=Self::VERSION_MAX).contains(&version) {
            return Err(CodecError::Version { version });
        }
        let reader = Reader::new(frame, at, version, version >= Self::FLEXIBLE_FROM);
        Self::read(&mut reader.listing_at_most(elements_max))
    }
}

/// The table of one message.
macro_rules! message {
    (
        $(#[$doc:meta])*
        pub struct $name:ident $(<$life:lifetime>)?:
            key $key:literal, versions $min:literal..=$max:literal, flexible $flexible:literal
        { $($table:tt)* }
    ) => {
        fields! { $(#[$doc])* pub struct $name $(<$life>)? { $($table)* } }

        impl<'a> $crate::schema::Message<'a> for message!(@of 'a, $name $($life)?) {
            const KEY: i16 = $key;
            const VERSION_MIN: i16 = $min;
            const VERSION_MAX: i16 = $max;
            const FLEXIBLE_FROM: i16 = $flexible;
        }
    };
    (@of $a:lifetime, $name:ident $life:lifetime) => { $name<$a> };
    (@of $a:lifetime, $name:ident) => { $name };
}

/// The table of one struct within a message.
macro_rules! fields {
    (
        $(#[$doc:meta])*
        pub struct $name:ident $(<$life:lifetime>)? {
            $(
                $field:ident: $kind:ty => $from:literal..=$to:literal
                    $(nullable $null:literal)? $(tag $tag:literal)? $(= $default:expr)?,
            )*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Debug)]
        pub struct $name $(<$life>)? { $(pub $field: $kind,)* }

        impl Default for fields!(@of '_, $name $($life)?) {
            fn default() -> Self {
                Self { $($field: fields!(@default $($default)?),)* }
            }
        }

        impl<'a> $crate::field::Field<'a> for fields!(@of 'a, $name $($life)?) {
            fn read(
                reader: &mut $crate::reader::Reader<'a>,
            ) -> Result<Self, $crate::error::CodecError> {
                let version = reader.version();
                let mut read = Self::default();
                $(
                    if ($from..=$to).contains(&version) && fields!(@tag $($tag)?).is_none() {
                        read.$field = $crate::field::Field::read(reader)?;
                        $(
                            if version < $null && read.$field.is_none() {
                                return Err($crate::error::CodecError::Null { version });
                            }
                        )?
                    }
                )*
                reader.tags(|_tag, _reader| {
                    $(
                        if ($from..=$to).contains(&version) && fields!(@tag $($tag)?) == Some(_tag) {
                            read.$field = $crate::field::Field::read(_reader)?;
                            return Ok(true);
                        }
                    )*
                    Ok(false)
                })?;
                Ok(read)
            }

            fn write(&self, writer: &mut $crate::writer::Writer) {
                let version = writer.version();
                $(
                    if ($from..=$to).contains(&version) && fields!(@tag $($tag)?).is_none() {
                        fields!(@write self.$field, $kind, writer, version $(, $null)?);
                    }
                )*
                // In the order of their tags, which the tables keep.
                #[allow(unused_mut, reason = "most structs have no tagged field")]
                let mut tags: Vec<$crate::writer::Tag<'_>> = Vec::new();
                $(
                    fields!(@tagged self, $field, $kind, tags, version, $from, $to
                        $(, tag $tag)? $(, default $default)?);
                )*
                writer.put_tags(&tags);
            }
        }

        impl<'a> $crate::field::Nullable<'a> for fields!(@of 'a, $name $($life)?) {
            fn read_nullable(
                reader: &mut $crate::reader::Reader<'a>,
            ) -> Result<Option<Self>, $crate::error::CodecError> {
                match <i8 as $crate::field::Field>::read(reader)? {
                    mark if mark < 0 => Ok(None),
                    _ => <Self as $crate::field::Field>::read(reader).map(Some),
                }
            }

            fn write_nullable(this: Option<&Self>, writer: &mut $crate::writer::Writer) {
                $crate::field::Field::write(&if this.is_some() { 1i8 } else { -1 }, writer);
                if let Some(this) = this {
                    $crate::field::Field::write(this, writer);
                }
            }
        }
    };
    (@of $a:lifetime, $name:ident $life:lifetime) => { $name<$a> };
    (@of $a:lifetime, $name:ident) => { $name };
    (@default $default:expr) => { $default };
    (@default) => { Default::default() };
    (@tag $tag:literal) => { Some::<u32>($tag) };
    (@tag) => { None::<u32> };
    (@write $value:expr, $kind:ty, $writer:ident, $version:ident) => {
        $crate::field::Field::write(&$value, $writer)
    };
    // Null that this version does not know is written as empty.
    (@write $value:expr, $kind:ty, $writer:ident, $version:ident, $null:literal) => {
        if $version < $null && $value.is_none() {
            let empty: $kind = Some(Default::default());
            $crate::field::Field::write(&empty, $writer)
        } else {
            $crate::field::Field::write(&$value, $writer)
        }
    };
    (@tagged $this:ident, $field:ident, $kind:ty, $tags:ident, $version:ident, $from:literal,
        $to:literal, tag $tag:literal $(, default $default:expr)?) => {
        let default: $kind = fields!(@default $($default)?);
        let write = |writer: &mut $crate::writer::Writer| {
            $crate::field::Field::write(&$this.$field, writer);
        };
        if ($from..=$to).contains(&$version) && $this.$field != default {
            $tags.push(($tag, &write));
        }
    };
    (@tagged $this:ident, $field:ident, $kind:ty, $tags:ident, $version:ident, $from:literal,
        $to:literal $(, default $default:expr)?) => {};
}

/// Writes a body behind what the writer has.
pub fn encode<'a>(message: &impl Message<'a>, writer: &mut Writer) {
    message.write(writer);
}
