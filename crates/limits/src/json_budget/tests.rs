use super::*;

const SMALL: JsonBudget = JsonBudget {
    bytes_max: 60,
    depth_max: 3,
    nodes_max: 8,
    keys_max: 3,
    key_bytes_max: 6,
    string_bytes_max: 10,
    number_bytes_max: 5,
};

fn refused(fault: JsonFault, pointer: &str) -> Result<(), JsonRefused> {
    Err(JsonRefused { fault, pointer: pointer.to_owned() })
}

fn too_much(of: JsonPlace, max: usize, pointer: &str) -> Result<(), JsonRefused> {
    refused(JsonFault::TooMuch { of, max }, pointer)
}

/// What comes whole and what comes byte by byte is judged alike.
fn check(text: &[u8]) -> Result<(), JsonRefused> {
    let whole = SMALL.check(text);
    let mut scanner = JsonScanner::new(SMALL);
    let in_pieces = text.iter().try_for_each(|byte| scanner.feed(std::slice::from_ref(byte)));
    assert_eq!(whole, in_pieces, "{}", String::from_utf8_lossy(text));
    whole
}

#[test]
fn small_texts_pass() {
    for text in [
        "",
        "1",
        "{}",
        r#"{"a":[1,2]}"#,
        r#""0123456789""#,
        r#"{"a":"]}[{,:"}"#,
        r#"["\"[[[["]"#,
        r#"{"a":{"a":{"a":1}}}"#,
        r#"[{"a":1},{"a":1}]"#,
        r#"[1,2,3,4,5,6,7]"#,
        r#"[true , -1.2e ,"x"]"#,
    ] {
        assert_eq!(check(text.as_bytes()), Ok(()), "{text}");
    }
}

#[test]
fn each_bomb_is_named() {
    for (text, of, max, pointer) in [
        ("[[[[", JsonPlace::Depth, 3, "/0/0/0"),
        (r#"{"a":[{"b":[1]}]}"#, JsonPlace::Depth, 3, "/a/0/b"),
        ("[1,2,3,4,5,6,7,8,9]", JsonPlace::Nodes, 8, "/7"),
        (r#"{"a":1,"b":1,"c":1,"d":1}"#, JsonPlace::Keys, 3, "/d"),
        (r#"{"a":"01234567890"}"#, JsonPlace::StringBytes, 10, "/a"),
        (r#""0123456789012"#, JsonPlace::StringBytes, 10, ""),
        (r#"{"a":{"0123456":1}}"#, JsonPlace::KeyBytes, 6, "/a"),
        ("[0,123456]", JsonPlace::NumberBytes, 5, "/1"),
        (r#"{"a/~":99e999999}"#, JsonPlace::NumberBytes, 5, "/a~1~0"),
    ] {
        assert_eq!(check(text.as_bytes()), too_much(of, max, pointer), "{text}");
    }
    assert_eq!(check(&[b' '; 61]), too_much(JsonPlace::Bytes, 60, ""));
}

#[test]
fn a_member_twice_is_refused_however_it_is_written() {
    for (text, pointer) in [
        (r#"{"a":1,"a":2}"#, "/a"),
        (r#"{"a":1,"\u0061":2}"#, "/a"),
        (r#"[0,{"b":{"x":1,"x":1}}]"#, "/1/b/x"),
        (r#"{"\n":1,"\u000A":2}"#, "/\n"),
        (r#"{"é":1,"\u00e9":2}"#, "/é"),
    ] {
        assert_eq!(check(text.as_bytes()), refused(JsonFault::KeyTwice, pointer), "{text}");
    }
    let wide = JsonBudget { key_bytes_max: 20, ..SMALL };
    let text = "{\"\u{1f600}\":1,\"\\ud83d\\ude00\":2}";
    assert_eq!(wide.check(text.as_bytes()), refused(JsonFault::KeyTwice, "/\u{1f600}"));
    // Half a pair is no character; the parser refuses it.
    assert_eq!(wide.check(br#"{"\ud83d":1,"\ud83e":2,"\ud83dx":3}"#), Ok(()));
}

#[test]
fn what_is_no_json_is_walked_without_harm() {
    for text in ["]]]", "}{", "{,,,}", "{1:2", "\"\\", "[}]", "{\"a\"\"a\"}", "\u{0}", ":::", "{\"\\u12"] {
        drop(check(text.as_bytes()));
    }
}
