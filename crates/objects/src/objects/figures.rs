//! What is stored, and how: figures of buckets, the form of an object's content, and the differences of a prefix.

use std::collections::BTreeMap;

use casemate_model::{BucketName, Digest, ObjectKey, Project, Timestamp};
use casemate_policy::{Permit, operation};

use super::{Objects, Version};
use crate::{BlobId, BucketRecord, BucketSample, Located, ObjectRecord, ObjectsError, Packing, VersionPage};

/// Most versions that a graph is made of.
const GRAPH_VERSIONS_MAX: u32 = 400;

/// Most nodes of a graph.
const GRAPH_NODES_MAX: usize = 200;

/// How an object's content is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Storage {
    /// The bytes that it takes; `None` until the node has looked whether packing pays.
    pub packing: Option<Packing>,
    /// Where the project has the base, if an object or version is it.
    pub base: Option<Located>,
}

/// What reading an object's content again found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Its bytes are those that were put.
    Sound,
    /// They are not; they are set aside.
    Damaged,
    /// There are none.
    Missing,
}

/// Content of a prefix, and what of it is stored as a difference to what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    /// The content, in the order of its keys; bases from elsewhere behind.
    pub nodes: Vec<Node>,
    /// Whether there is more than was looked at.
    pub truncated: bool,
}

/// Content of a [`Graph`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its digest.
    pub digest: Digest,
    /// An object or version that has it.
    pub at: Located,
    /// How many of the versions that were looked at have it; none if only differences need it.
    pub versions: u64,
    /// The size of the content in bytes.
    pub size_bytes: u64,
    /// The bytes that it takes; `None` until the node has looked.
    pub stored_bytes: Option<u64>,
    /// Whether it is stored as a difference.
    pub is_difference: bool,
    /// The node that it is stored as a difference to, if the project has that content.
    pub base: Option<usize>,
}

impl Objects {
    /// Measures what a bucket takes. It looks at everything in the bucket.
    pub async fn measure(&self, bucket: &BucketRecord, now: Timestamp) -> Result<BucketSample, ObjectsError> {
        let stored_bytes = self.catalog.stored_bytes(&bucket.project, &bucket.bucket).await?;
        Ok(BucketSample {
            day: BucketSample::day_of(now),
            measured: now,
            objects: bucket.objects,
            versions: bucket.versions,
            content_bytes: bucket.size_bytes + bucket.version_bytes,
            stored_bytes,
        })
    }

    /// Keeps a sample as that of its day.
    pub async fn keep_sample(
        &self,
        bucket: &BucketRecord,
        sample: &BucketSample,
    ) -> Result<(), ObjectsError> {
        let oldest_day = sample.day.saturating_sub(BucketSample::DAYS_MAX - 1);
        Ok(self.catalog.put_sample(&bucket.project, &bucket.bucket, sample, oldest_day).await?)
    }

    /// The samples of a bucket, or of all buckets together, before a day, the newest first; the caller has a permit in
    /// the project.
    pub async fn samples(
        &self,
        project: &Project,
        bucket: Option<&BucketName>,
        before_day: Option<u64>,
        limit: u32,
    ) -> Result<Vec<BucketSample>, ObjectsError> {
        // Greater than any day that a time can have.
        let before_day = before_day.unwrap_or(u64::from(u32::MAX));
        Ok(self.catalog.samples(project, bucket, before_day, limit).await?)
    }

    /// Buckets of all projects after one of them, for upkeep.
    pub async fn every_bucket(
        &self,
        after: Option<(Project, BucketName)>,
        limit: u32,
    ) -> Result<Vec<BucketRecord>, ObjectsError> {
        Ok(self.catalog.every_bucket(after, limit).await?)
    }

    /// How an object's content is stored; the caller has a permit for the object.
    pub async fn storage(&self, object: &ObjectRecord) -> Result<Storage, ObjectsError> {
        let packing = self.catalog.packing(&object.blob()).await?;
        let base = match packing.and_then(|packing| packing.base) {
            Some(base) => self.catalog.place_of(&object.blob().beside(base)).await?,
            None => None,
        };
        Ok(Storage { packing, base })
    }

    /// Finds an object and reads all of its content again. The error of damage is for the caller to record.
    pub async fn verify(
        &self,
        permit: &Permit<operation::VerifyObject>,
        (bucket, key): (&BucketName, &ObjectKey),
        version: Version,
    ) -> Result<(ObjectRecord, Result<(), ObjectsError>), ObjectsError> {
        let record = self.find_version(permit.project(), bucket, key, version).await?;
        let _place = self.opening.enter(&record.project).await;
        let read = self.with_blobs(&record.blob(), |blobs, digest| blobs.verify(digest).map(drop)).await;
        Ok((record, read))
    }

    /// What of a prefix is stored as a difference to what. The page's limit does not count.
    pub async fn graph(
        &self,
        _permit: &Permit<operation::ListObjects>,
        page: &VersionPage,
    ) -> Result<Graph, ObjectsError> {
        let page = VersionPage { limit: GRAPH_VERSIONS_MAX + 1, ..page.clone() };
        let mut versions = self.catalog.versions(&page).await?;
        let mut graph = Graph { truncated: versions.len() > GRAPH_VERSIONS_MAX as usize, ..Graph::default() };
        versions.truncate(GRAPH_VERSIONS_MAX as usize);
        let mut known = BTreeMap::new();
        for object in versions.into_iter().filter_map(|version| version.object) {
            if let Some(index) = known.get(&object.digest).copied() {
                let node: &mut Node = &mut graph.nodes[index];
                node.versions += 1;
            } else if graph.nodes.len() < GRAPH_NODES_MAX {
                known.insert(object.digest, graph.nodes.len());
                graph.nodes.push(node(&object));
            } else {
                graph.truncated = true;
            }
        }
        for index in 0..graph.nodes.len() {
            let blob = BlobId::new(&page.project, graph.nodes[index].digest);
            let Some(packing) = self.catalog.packing(&blob).await? else { continue };
            let base = match packing.base {
                Some(base) => self.base_node(&page.project, base, &mut graph, &mut known).await?,
                None => None,
            };
            let node = &mut graph.nodes[index];
            node.stored_bytes = Some(packing.stored_bytes);
            node.is_difference = packing.base.is_some();
            node.base = base;
        }
        Ok(graph)
    }

    /// The node of a base; it is added if the project has the base outside of what was listed.
    async fn base_node(
        &self,
        project: &Project,
        base: Digest,
        graph: &mut Graph,
        known: &mut BTreeMap<Digest, usize>,
    ) -> Result<Option<usize>, ObjectsError> {
        if let Some(index) = known.get(&base) {
            return Ok(Some(*index));
        }
        let blob = BlobId::new(project, base);
        let Some(at) = self.catalog.place_of(&blob).await? else {
            return Ok(None);
        };
        let size_bytes = self.catalog.blob_size(&blob).await?.unwrap_or(0);
        let stored_bytes = self.catalog.packing(&blob).await?.map(|packing| packing.stored_bytes);
        known.insert(base, graph.nodes.len());
        let node = Node {
            digest: base,
            at,
            versions: 0,
            size_bytes,
            stored_bytes,
            is_difference: false,
            base: None,
        };
        graph.nodes.push(node);
        Ok(Some(graph.nodes.len() - 1))
    }
}

fn node(object: &ObjectRecord) -> Node {
    Node {
        digest: object.digest,
        at: Located { place: object.place(), version: object.version },
        versions: 1,
        size_bytes: object.size_bytes,
        stored_bytes: None,
        is_difference: false,
        base: None,
    }
}
