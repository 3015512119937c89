//! Reading the places that content comes from. What serde makes of untagged enums forgets where it was when something
//! did not fit; here each mistake is made at its own field, so that it can be named.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use super::{ContentSource, ModuleSource, NameRef, OutputRef};
use crate::objects::ObjectRef;

/// A place as it is written: a digest, or an object with what says where.
enum Written {
    Digest(String),
    Place(Place),
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    #[serde(default, deserialize_with = "text")]
    name: Option<String>,
    #[serde(default, deserialize_with = "text")]
    bucket: Option<String>,
    #[serde(default, deserialize_with = "text")]
    key: Option<String>,
}

/// A text that may be left out, but is not null.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}

impl<'de> Deserialize<'de> for ModuleSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "a digest, an object with `name`, or an object with `bucket` and `key`";
        match deserializer.deserialize_any(AnyPlace { expected })? {
            Written::Digest(digest) => Ok(Self::Digest(digest)),
            Written::Place(Place { name: Some(name), bucket: None, key: None }) => {
                Ok(Self::Name(NameRef { name }))
            }
            Written::Place(Place { name: None, bucket: Some(bucket), key: Some(key) }) => {
                Ok(Self::Object(ObjectRef { bucket, key }))
            }
            Written::Place(Place { name: None, bucket: Some(_), key: None }) => {
                Err(D::Error::missing_field("key"))
            }
            Written::Place(Place { name: None, bucket: None, key: Some(_) }) => {
                Err(D::Error::missing_field("bucket"))
            }
            Written::Place(_) => Err(D::Error::custom(format_args!("expected {expected}"))),
        }
    }
}

impl<'de> Deserialize<'de> for ContentSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "a digest, an object with `bucket` and `key`, or an object with `task`";
        match deserializer.deserialize_any(AnyContent { expected })? {
            WrittenContent::Digest(digest) => Ok(Self::Digest(digest)),
            WrittenContent::Place(ContentPlace { task: Some(task), file, bucket: None, key: None }) => {
                Ok(Self::Output(OutputRef { task, file }))
            }
            WrittenContent::Place(ContentPlace {
                task: None,
                file: None,
                bucket: Some(bucket),
                key: Some(key),
            }) => Ok(Self::Object(ObjectRef { bucket, key })),
            WrittenContent::Place(ContentPlace { task: None, file: None, bucket: Some(_), key: None }) => {
                Err(D::Error::missing_field("key"))
            }
            WrittenContent::Place(ContentPlace { task: None, file: None, bucket: None, key: Some(_) }) => {
                Err(D::Error::missing_field("bucket"))
            }
            WrittenContent::Place(_) => Err(D::Error::custom(format_args!("expected {expected}"))),
        }
    }
}

struct AnyPlace {
    expected: &'static str,
}

impl<'de> Visitor<'de> for AnyPlace {
    type Value = Written;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, digest: &str) -> Result<Written, E> {
        Ok(Written::Digest(digest.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Written, A::Error> {
        Place::deserialize(MapAccessDeserializer::new(members)).map(Written::Place)
    }
}

/// The same of content, which may be what a task leaves.
enum WrittenContent {
    Digest(String),
    Place(ContentPlace),
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ContentPlace {
    #[serde(default, deserialize_with = "text")]
    bucket: Option<String>,
    #[serde(default, deserialize_with = "text")]
    key: Option<String>,
    #[serde(default, deserialize_with = "text")]
    task: Option<String>,
    #[serde(default, deserialize_with = "text")]
    file: Option<String>,
}

struct AnyContent {
    expected: &'static str,
}

impl<'de> Visitor<'de> for AnyContent {
    type Value = WrittenContent;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, digest: &str) -> Result<WrittenContent, E> {
        Ok(WrittenContent::Digest(digest.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<WrittenContent, A::Error> {
        ContentPlace::deserialize(MapAccessDeserializer::new(members)).map(WrittenContent::Place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(text: &str) -> Result<ModuleSource, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_module_is_a_digest_a_name_or_an_object() {
        let object = ObjectRef { bucket: "b".to_owned(), key: "k".to_owned() };
        assert_eq!(module(r#""sha256:0""#), Ok(ModuleSource::Digest("sha256:0".to_owned())));
        assert_eq!(module(r#"{"name":"a.b"}"#), Ok(ModuleSource::Name(NameRef { name: "a.b".to_owned() })));
        assert_eq!(module(r#"{"bucket":"b","key":"k"}"#), Ok(ModuleSource::Object(object)));
        for (text, mistake) in [
            (r#"{"bucket":"b"}"#, "missing field `key`"),
            (r#"{"key":"k"}"#, "missing field `bucket`"),
            (r#"{"name":"a","key":"k"}"#, "expected a digest, an object with `name`"),
            (r#"{"name":null}"#, "invalid type: null"),
            (r#"{"bucket":"b","kay":"k"}"#, "unknown field `kay`"),
            ("7", "invalid type: integer `7`, expected a digest, an object with `name`"),
        ] {
            let error = module(text).expect_err(text);
            assert!(error.starts_with(mistake), "{text}: {error}");
        }
    }

    #[test]
    fn content_is_in_one_place() {
        for (text, mistake) in [
            (r#"{"bucket":"b"}"#, "missing field `key`"),
            (r#"{"file":"f"}"#, "expected a digest, an object with `bucket`"),
            (r#"{"task":"t","key":"k"}"#, "expected a digest, an object with `bucket`"),
            (r#"{"task":"t","fill":"f"}"#, "unknown field `fill`"),
        ] {
            let error = serde_json::from_str::<ContentSource>(text).expect_err(text).to_string();
            assert!(error.starts_with(mistake), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let object = ObjectRef { bucket: "b".to_owned(), key: "k".to_owned() };
        let output = |file: Option<&str>| {
            ContentSource::Output(OutputRef { task: "tsk_1".to_owned(), file: file.map(ToOwned::to_owned) })
        };
        let digest = ContentSource::Digest("sha256:0".to_owned());
        for source in [digest, ContentSource::Object(object), output(None), output(Some("a/b"))] {
            let text = serde_json::to_string(&source).expect("plain values");
            assert_eq!(serde_json::from_str::<ContentSource>(&text).ok(), Some(source), "{text}");
        }
    }
}
