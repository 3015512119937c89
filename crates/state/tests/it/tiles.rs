use casemate_ledger::{TilePath, TileSource, TileStore};
use casemate_state::TileFiles;

use crate::context::private_dir;

fn path(text: &str) -> TilePath {
    text.parse().unwrap()
}

#[test]
fn files_lie_where_tlog_tiles_puts_them() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = private_dir(&scratch);
    let tiles = TileFiles::open(directory.clone()).unwrap();
    for text in
        ["checkpoint", "tile/0/x001/x234/067", "tile/0/x001/067.p/44", "tile/entries/000.p/3", "tile/1/000"]
    {
        assert_eq!(tiles.read(path(text)).unwrap(), None, "{text}");
        tiles.write(path(text), text.as_bytes()).unwrap();
        assert_eq!(directory.read_private(text, 100).unwrap(), text.as_bytes());
        let opened_again = TileFiles::open(directory.clone()).unwrap();
        assert_eq!(opened_again.read(path(text)).unwrap().as_deref(), Some(text.as_bytes()));
    }
    tiles.write(TilePath::Checkpoint, b"newer").unwrap();
    assert_eq!(tiles.read(TilePath::Checkpoint).unwrap().as_deref(), Some(b"newer".as_slice()));
}

#[test]
fn parts_go_when_the_whole_is_there() {
    let scratch = tempfile::tempdir().unwrap();
    let tiles = TileFiles::open(private_dir(&scratch)).unwrap();
    let full = path("tile/0/x001/067");
    tiles.remove_partials(full).unwrap();
    for text in ["tile/0/x001/067.p/44", "tile/0/x001/067.p/45", "tile/0/x001/067", "tile/0/x001/068.p/1"] {
        tiles.write(path(text), b"hashes").unwrap();
    }
    tiles.remove_partials(full).unwrap();
    tiles.remove_partials(full).unwrap();
    assert_eq!(tiles.read(path("tile/0/x001/067.p/44")).unwrap(), None);
    assert_eq!(tiles.read(full).unwrap().as_deref(), Some(b"hashes".as_slice()));
    assert_eq!(
        tiles.read(path("tile/0/x001/068.p/1")).unwrap().as_deref(),
        Some(b"hashes".as_slice()),
        "another tile's"
    );
}

#[test]
fn a_file_that_is_too_large_is_damage() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = private_dir(&scratch);
    directory.replace("checkpoint", &[b'x'; 5000]).unwrap();
    let error = TileFiles::open(directory).unwrap().read(TilePath::Checkpoint).unwrap_err();
    assert_eq!(error.to_string(), "the store holds a damaged file of the log: run `casemate db check`");
}
