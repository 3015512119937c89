//! From a record of steps to everything that a crash may leave of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// One thing that a disk may look like: paths and contents.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct DiskImage {
    files: BTreeMap<String, Vec<u8>>,
    dirs: BTreeSet<String>,
}

impl DiskImage {
    /// The content of the file at `path`, if there is one.
    pub fn read(&self, path: &str) -> Option<&[u8]> {
        self.files.get(path).map(Vec::as_slice)
    }

    /// The paths of all files, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Writes it all below `directory`, so that the code under test can open it as after a restart.
    pub fn lay_out(&self, directory: &Path) {
        for dir in &self.dirs {
            std::fs::create_dir_all(directory.join(dir)).expect("a test's directory can be written");
        }
        for (path, content) in &self.files {
            std::fs::write(directory.join(path), content).expect("a test's directory can be written");
        }
    }
}

/// A file or a directory, whatever its names are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Node {
    File(usize),
    Dir(usize),
}

pub(super) enum Step {
    Write { file: Node, bytes: Vec<u8> },
    SyncFile { file: Node },
    SyncDir { dir: Node },
    Names(Vec<Edit>),
}

/// A change of names in one directory that is on the disk whole or not at all.
#[derive(Clone)]
pub(super) struct Edit {
    dir: Node,
    changes: Vec<(String, Option<Node>)>,
    after_former: bool,
}

impl Edit {
    pub(super) fn new(dir: Node, changes: Vec<(String, Option<Node>)>) -> Self {
        Self { dir, changes, after_former: false }
    }

    /// Marks it as never on the disk without the edit before it.
    pub(super) fn only_after_former(self) -> Self {
        Self { after_former: true, ..self }
    }
}

/// What was on the disk before the first step, and the number of things there are by now.
#[derive(Default)]
pub(super) struct Base {
    names: BTreeMap<Node, BTreeMap<String, Node>>,
    contents: Vec<Vec<u8>>,
    dirs: usize,
}

impl Base {
    pub(super) fn add_dir(&mut self) -> usize {
        self.dirs += 1;
        self.dirs - 1
    }

    pub(super) fn add_file(&mut self, content: Vec<u8>) -> usize {
        self.contents.push(content);
        self.contents.len() - 1
    }

    pub(super) fn put(&mut self, dir: Node, name: String, node: Node) {
        self.names.entry(dir).or_default().insert(name, node);
    }
}

/// All that a crash after `steps` may leave.
pub(super) fn images(base: &Base, steps: &[Step]) -> Vec<DiskImage> {
    let (edits, durable) = edits_of(steps);
    let contents = contents_of(base, steps);
    let mut images = BTreeSet::new();
    for kept in kept_sets(&edits, &durable) {
        let mut names = base.names.clone();
        for (edit, _) in edits.iter().zip(&kept).filter(|(_, kept)| **kept) {
            let dir = names.entry(edit.dir).or_default();
            for (name, node) in &edit.changes {
                match node {
                    Some(node) => dir.insert(name.clone(), *node),
                    None => dir.remove(name),
                };
            }
        }
        for loss in LOSSES {
            let mut image = DiskImage::default();
            collect(&names, &contents, loss, (Node::Dir(0), ""), &mut image);
            images.insert(image);
        }
    }
    images.into_iter().collect()
}

/// The edits in order, and for each whether a later sync of its directory has put it on the disk.
fn edits_of(steps: &[Step]) -> (Vec<Edit>, Vec<bool>) {
    let (mut edits, mut durable) = (Vec::<Edit>::new(), Vec::new());
    for step in steps {
        match step {
            Step::Names(more) => {
                edits.extend(more.iter().cloned());
                durable.resize(edits.len(), false);
            }
            Step::SyncDir { dir } => {
                for (edit, durable) in edits.iter().zip(&mut durable) {
                    *durable |= edit.dir == *dir;
                }
            }
            Step::Write { .. } | Step::SyncFile { .. } => {}
        }
    }
    (edits, durable)
}

/// Every choice of edits that a crash may keep: the durable ones, and any of the others.
fn kept_sets(edits: &[Edit], durable: &[bool]) -> Vec<Vec<bool>> {
    let open: Vec<usize> = (0..edits.len()).filter(|index| !durable[*index]).collect();
    assert!(open.len() <= OPEN_MAX, "so many unsynced names make too many choices; crash earlier");
    (0..1_usize << open.len())
        .map(|choice| {
            let mut kept = durable.to_vec();
            for (bit, index) in open.iter().enumerate() {
                kept[*index] = choice >> bit & 1 == 1;
            }
            kept
        })
        .filter(|kept| {
            (1..kept.len()).all(|index| !edits[index].after_former || !kept[index] || kept[index - 1])
        })
        .collect()
}

/// For each file its content, and how much of it is surely on the disk.
fn contents_of(base: &Base, steps: &[Step]) -> Vec<(Vec<u8>, usize)> {
    let mut contents: Vec<_> = base.contents.iter().map(|content| (content.clone(), content.len())).collect();
    for step in steps {
        match step {
            Step::Write { file: Node::File(index), bytes } => contents[*index].0.extend_from_slice(bytes),
            Step::SyncFile { file: Node::File(index) } => contents[*index].1 = contents[*index].0.len(),
            Step::SyncDir { .. } | Step::Names(_) => {}
            Step::Write { .. } | Step::SyncFile { .. } => unreachable!("only files have content"),
        }
    }
    contents
}

/// What may become of content that was not synced.
#[derive(Clone, Copy)]
enum Loss {
    None,
    All,
    Half,
    Zeros,
}

const LOSSES: [Loss; 4] = [Loss::None, Loss::All, Loss::Half, Loss::Zeros];

impl Loss {
    fn apply(self, (content, synced): &(Vec<u8>, usize)) -> Vec<u8> {
        let (total, mut left) = (content.len(), content.clone());
        match self {
            Self::None => {}
            Self::All => left.truncate(*synced),
            Self::Half => left.truncate(synced + (total - synced) / 2),
            Self::Zeros => left[*synced..].fill(0),
        }
        left
    }
}

fn collect(
    names: &BTreeMap<Node, BTreeMap<String, Node>>,
    contents: &[(Vec<u8>, usize)],
    loss: Loss,
    (dir, path): (Node, &str),
    image: &mut DiskImage,
) {
    for (name, node) in names.get(&dir).into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
        match node {
            Node::File(index) => {
                image.files.insert(path, loss.apply(&contents[*index]));
            }
            Node::Dir(_) => {
                image.dirs.insert(path.clone());
                collect(names, contents, loss, (*node, &path), image);
            }
        }
    }
}

/// Two to this power are the choices looked at.
const OPEN_MAX: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(synced: bool) -> Vec<DiskImage> {
        let mut base = Base::default();
        let root = Node::Dir(base.add_dir());
        let old = Node::File(base.add_file(b"old".to_vec()));
        base.put(root, "a".to_owned(), old);
        let new = Node::File(base.add_file(Vec::new()));
        let names = |changes: &[(&str, Option<Node>)]| {
            let changes = changes.iter().map(|(name, node)| ((*name).to_owned(), *node)).collect();
            Step::Names(vec![Edit::new(root, changes)])
        };
        let mut steps = vec![names(&[("t", Some(new))]), Step::Write { file: new, bytes: b"new!".to_vec() }];
        if synced {
            steps.push(Step::SyncFile { file: new });
        }
        steps.push(names(&[("t", None), ("a", Some(new))]));
        images(&base, &steps)
    }

    fn contents(images: &[DiskImage]) -> BTreeSet<&[u8]> {
        images.iter().map(|image| image.read("a").expect("a name is never without a file")).collect()
    }

    #[test]
    fn a_replace_without_a_sync_is_caught() {
        let images = replaced(false);
        assert_eq!(contents(&images), BTreeSet::from([b"".as_slice(), b"\0\0\0\0", b"ne", b"new!", b"old"]));
    }

    #[test]
    fn a_replace_with_a_sync_is_old_or_new() {
        let images = replaced(true);
        assert_eq!(contents(&images), BTreeSet::from([b"new!".as_slice(), b"old"]));
    }
}
