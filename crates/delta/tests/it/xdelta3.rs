//! Deltas of the real xdelta3 are read, and it reads ours.

use std::fs;
use std::path::Path;
use std::process::Command;

use casemate_delta::vcdiff::{
    AppHeader, DecodeError, EncodeOptions, ExternalCompression, Limits, Secondary, encode,
};
use tempfile::TempDir;

use crate::content::{edited, noise, prose};
use crate::{decoded, decoded_with, encoded};

/// A directory where xdelta3 works.
struct Bench {
    directory: TempDir,
}

impl Bench {
    fn new(source: &[u8], target: &[u8]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("source"), source).unwrap();
        fs::write(directory.path().join("target"), target).unwrap();
        Self { directory }
    }

    fn run(&self, arguments: &[&str]) -> Result<(), String> {
        let output = Command::new("xdelta3").args(arguments).current_dir(self.path()).output().unwrap_or_else(|error| {
            panic!("xdelta3 does not start ({error}); `scripts/setup.sh test` installs Debian's package xdelta3")
        });
        if output.status.success() {
            Ok(())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    /// What `xdelta3 -e` writes with further arguments.
    fn encode(&self, arguments: &[&str]) -> Vec<u8> {
        self.run(&[&["-e", "-f"], arguments, &["-s", "source", "target", "delta"]].concat()).unwrap();
        fs::read(self.path().join("delta")).unwrap()
    }

    /// What `xdelta3 -d` makes of `delta`.
    fn decode(&self, delta: &[u8]) -> Result<Vec<u8>, String> {
        fs::write(self.path().join("delta"), delta).unwrap();
        self.run(&["-d", "-f", "-s", "source", "delta", "decoded"])?;
        Ok(fs::read(self.path().join("decoded")).unwrap())
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }
}

/// Pairs of source and target that bring every kind of instruction and several windows.
fn pairs() -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
    let text = prose(1, 300_000);
    let large = [prose(2, 2 << 20), noise(3, 14 << 20), prose(4, 2 << 20)].concat();
    vec![
        ("edited text", text.clone(), edited(&text, 5, 200)),
        ("equal", text.clone(), text.clone()),
        ("empty target", text.clone(), Vec::new()),
        ("empty source", Vec::new(), text.clone()),
        ("both empty", Vec::new(), Vec::new()),
        ("unlike", text, noise(6, 100_000)),
        ("three windows", large.clone(), edited(&large, 7, 400)),
    ]
}

#[test]
fn what_xdelta3_writes_is_read() {
    let ways: [&[&str]; 12] = [
        &[],
        &["-1"],
        &["-3"],
        &["-9"],
        &["-0"],
        &["-S", "none"],
        &["-S", "none", "-9"],
        &["-A"],
        &["-A=note"],
        &["-n"],
        &["-D"],
        &["-W", "16384", "-9"],
    ];
    for (name, source, target) in pairs() {
        let bench = Bench::new(&source, &target);
        for way in ways {
            let delta = bench.encode(way);
            assert!(decoded(&delta, &source).unwrap() == target, "{name}, {way:?}");
        }
    }
}

#[test]
fn what_is_written_xdelta3_reads() {
    for (name, source, target) in pairs() {
        let bench = Bench::new(&source, &target);
        for secondary in [Secondary::None, Secondary::Lzma { preset: 6 }] {
            for window_bytes in [20_000, 8 << 20] {
                if window_bytes < 1 << 20 && target.len() > 1 << 20 {
                    continue;
                }
                let app_header = Some(b"target//source/".to_vec());
                let delta = encoded(&target, &source, &EncodeOptions { window_bytes, secondary, app_header });
                assert!(bench.decode(&delta).unwrap() == target, "{name}, {secondary:?}, {window_bytes}");
            }
        }
    }
}

#[test]
fn xdelta3_reads_copies_from_all_over_a_large_source() {
    let source = noise(8, 150 << 20);
    let target = [&source[140 << 20..], &source[..10 << 20], &source[70 << 20..75 << 20]].concat();
    let delta = encoded(&target, &source, &EncodeOptions::default());
    assert!(delta.len() < 1000, "{} bytes", delta.len());
    assert!(Bench::new(&source, b"").decode(&delta).unwrap() == target);
}

#[test]
fn plain_deltas_are_about_as_small_as_xdelta3_makes_them() {
    let source = prose(9, 2 << 20);
    let target = edited(&source, 10, 2000);
    let theirs = Bench::new(&source, &target).encode(&["-9", "-S", "none"]).len();
    let ours = encoded(&target, &source, &EncodeOptions::default()).len();
    assert!(ours * 100 <= theirs * 110, "{ours} bytes, xdelta3 takes {theirs}");
}

#[test]
fn app_headers_tell_names_and_what_was_unwrapped() {
    let (source, target) = (prose(11, 50_000), edited(&prose(11, 50_000), 12, 20));
    let bench = Bench::new(&source, &target);
    for file in ["source", "target"] {
        let status =
            Command::new("gzip").args(["-9", "-n", file]).current_dir(bench.path()).status().unwrap();
        assert!(status.success());
    }
    bench.run(&["-e", "-q", "-s", "source.gz", "target.gz", "delta"]).unwrap();
    let delta = fs::read(bench.path().join("delta")).unwrap();
    let (content, decoded) = decoded_with(&delta, &source, &Limits::for_output(1 << 20)).unwrap();
    assert!(content == target, "the delta is between the unwrapped contents");
    let AppHeader { raw, target, source } = decoded.app_header.unwrap();
    assert_eq!(raw, b"target.gz/G/source.gz/G");
    for (note, name) in [(target.unwrap(), "target.gz"), (source.unwrap(), "source.gz")] {
        assert_eq!((note.name.as_str(), note.unwrapped), (name, Some(ExternalCompression::Gzip)));
    }
}

#[test]
fn other_secondary_compressors_are_refused_by_name() {
    let source = prose(13, 50_000);
    let bench = Bench::new(&source, &edited(&source, 14, 20));
    let cases = [
        ("djw", 1, "the delta uses the secondary compressor DJW (1), only LZMA (2) is read"),
        ("fgk", 16, "the delta uses the secondary compressor FGK (16), only LZMA (2) is read"),
    ];
    for (name, id, message) in cases {
        let error = decoded(&bench.encode(&["-S", name]), &source).unwrap_err();
        assert!(matches!(error, DecodeError::SecondaryRefused(found) if found == id));
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn a_wrong_source_is_noticed() {
    let source = prose(15, 50_000);
    let bench = Bench::new(&source, &edited(&source, 16, 20));
    let delta = bench.encode(&[]);
    let error = decoded(&delta, &noise(17, 50_000)).unwrap_err();
    assert!(matches!(error, DecodeError::Checksum { window: 0, .. }), "{error}");
    let error = decoded(&delta, &source[..10_000]).unwrap_err();
    assert!(matches!(error, DecodeError::SourceTooShort { window: 0, present: 10_000, .. }), "{error}");
    let mut ours = Vec::new();
    encode(&source, &source, &EncodeOptions::default(), &mut ours).unwrap();
    assert!(
        Bench::new(&noise(18, 50_000), b"").decode(&ours).is_err(),
        "xdelta3 notices it in our deltas too"
    );
}
