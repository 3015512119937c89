use http::{HeaderValue, Method, header};

use super::PageRequest;
use crate::client::path::Path;
use crate::client::transport::Call;
use crate::names::{
    AcceptName, ClaimName, CommitName, DraftName, Name, NameCheck, NameCommitment, NameDraft, NameRecord,
    NameVersion, OfferName, StopName, UpdateName,
};
use crate::{Client, ClientError, Page};

/// Which names to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamesWanted {
    /// What they begin with.
    pub prefix: String,
    /// A tag that they have.
    pub tag: Option<String>,
    /// Those that end first come first.
    pub ending: bool,
    /// Those that are offered to the project, instead of its own.
    pub offered: bool,
}

impl Client {
    /// `names.claim`: claims a name that nobody holds.
    pub async fn names_claim(&self, claim: &ClaimName) -> Result<Name, ClientError> {
        self.create(Call::new("names.claim", Method::POST, Path::new("/names")).json(claim)).await
    }

    /// `names.list`: names that the project has to do with.
    pub async fn names_list(
        &self,
        wanted: &NamesWanted,
        page: &PageRequest,
    ) -> Result<Page<Name>, ClientError> {
        let prefix = Some(&wanted.prefix).filter(|prefix| !prefix.is_empty());
        let path = Path::new("/names")
            .maybe("prefix", prefix.map(String::as_str))
            .maybe("tag", wanted.tag.as_deref())
            .maybe("ending", wanted.ending.then_some("true"))
            .maybe("offered", wanted.offered.then_some("true"));
        self.json(Call::new("names.list", Method::GET, page.apply(path))).await
    }

    /// `names.show`: what a name means.
    pub async fn names_show(&self, name: &str) -> Result<Name, ClientError> {
        self.json(Call::new("names.show", Method::GET, of(name))).await
    }

    /// `names.show`: what a name meant at most so many seconds ago.
    pub async fn names_show_bounded(&self, name: &str, max_age: u64) -> Result<Name, ClientError> {
        let path = of(name).maybe("max_age", Some(max_age.to_string().as_str()));
        self.json(Call::new("names.show", Method::GET, path)).await
    }

    /// `names.update`: points a name at other content, if it is still at version `sequence`.
    pub async fn names_update(
        &self,
        name: &str,
        update: &UpdateName,
        sequence: u64,
    ) -> Result<Name, ClientError> {
        let tag = HeaderValue::try_from(format!("\"{sequence}\"")).expect("digits and quotes");
        let call = Call::new("names.update", Method::PUT, of(name));
        self.json(call.json(update).header(header::IF_MATCH, tag)).await
    }

    /// `names.renew`: keeps a name for longer.
    pub async fn names_renew(&self, name: &str) -> Result<Name, ClientError> {
        self.create(Call::new("names.renew", Method::POST, of(name).then("/renew"))).await
    }

    /// `names.offer`: lets another project take a name over.
    pub async fn names_offer(&self, name: &str, offer: &OfferName) -> Result<Name, ClientError> {
        self.create(Call::new("names.offer", Method::POST, of(name).then("/offer")).json(offer)).await
    }

    /// `names.withdraw`: calls off an offer, or a change of keys.
    pub async fn names_withdraw(&self, name: &str) -> Result<Name, ClientError> {
        self.json(Call::new("names.withdraw", Method::DELETE, of(name).then("/offer"))).await
    }

    /// `names.decline`: does not want what is offered.
    pub async fn names_decline(&self, name: &str) -> Result<Name, ClientError> {
        self.create(Call::new("names.decline", Method::POST, of(name).then("/decline"))).await
    }

    /// `names.accept`: takes over what is offered.
    pub async fn names_accept(&self, name: &str, accept: &AcceptName) -> Result<Name, ClientError> {
        self.create(Call::new("names.accept", Method::POST, of(name).then("/accept")).json(accept)).await
    }

    /// `names.recover`: has the successor of a lost key count, now that nobody has objected.
    pub async fn names_recover(&self, name: &str) -> Result<Name, ClientError> {
        self.create(Call::new("names.recover", Method::POST, of(name).then("/recover"))).await
    }

    /// `names.suspend`: lets nobody use a name for now.
    pub async fn names_suspend(&self, name: &str, stop: &StopName) -> Result<Name, ClientError> {
        self.create(Call::new("names.suspend", Method::POST, of(name).then("/suspend")).json(stop)).await
    }

    /// `names.resume`: lets a name be used again.
    pub async fn names_resume(&self, name: &str, stop: &StopName) -> Result<Name, ClientError> {
        self.create(Call::new("names.resume", Method::POST, of(name).then("/resume")).json(stop)).await
    }

    /// `names.revoke`: takes a name away.
    pub async fn names_revoke(&self, name: &str, stop: &StopName) -> Result<Name, ClientError> {
        self.create(Call::new("names.revoke", Method::POST, of(name).then("/revoke")).json(stop)).await
    }

    /// `names.release`: gives a name up.
    pub async fn names_release(&self, name: &str) -> Result<(), ClientError> {
        self.whole(Call::new("names.release", Method::DELETE, of(name))).await.map(drop)
    }

    /// `names.draft`: the record that would come of a change, for signing it.
    pub async fn names_draft(&self, name: &str, draft: &DraftName) -> Result<NameDraft, ClientError> {
        self.json(Call::new("names.draft", Method::POST, of(name).then("/draft")).json(draft)).await
    }

    /// `names.commit`: commits to a name before it is claimed.
    pub async fn names_commit(&self, commit: &CommitName) -> Result<NameCommitment, ClientError> {
        let call = Call::new("names.commit", Method::POST, Path::new("/name-commitments"));
        self.create(call.json(commit)).await
    }

    /// `names.sign`: hands in a signed record, which is carried out.
    pub async fn names_sign(&self, record: &NameRecord) -> Result<Name, ClientError> {
        let call = Call::new("names.sign", Method::POST, Path::new("/name-records"));
        self.create(call.json(record)).await
    }

    /// `names.check`: whether a name can be claimed.
    pub async fn names_check(&self, name: &str) -> Result<NameCheck, ClientError> {
        self.json(Call::new("names.check", Method::GET, of(name).then("/check"))).await
    }

    /// `names.prove`: what proves offline what a name meant: its newest version, unless another is asked for.
    pub async fn names_prove(&self, name: &str, version: Option<u64>) -> Result<String, ClientError> {
        let version = version.map(|version| version.to_string());
        let path = of(name).then("/proof").maybe("version", version.as_deref());
        self.text(Call::new("names.prove", Method::GET, path)).await
    }

    /// `names.history`: every version of a name, newest first.
    pub async fn names_history(
        &self,
        name: &str,
        page: &PageRequest,
    ) -> Result<Page<NameVersion>, ClientError> {
        let path = page.apply(of(name).then("/history"));
        self.json(Call::new("names.history", Method::GET, path)).await
    }
}

fn of(name: &str) -> Path {
    Path::new("/names").segment(name)
}
