use std::path::PathBuf;

use casemate_api::certificates::RequestCertificate;
use casemate_fs::Dir;
use casemate_model::{Clock as _, Timestamp};
use clap::Args;
use rcgen::{CertificateParams, KeyPair};
use zeroize::Zeroizing;

use crate::context::Context;
use crate::report::{CliError, Status};
use crate::world::SystemClock;

/// Private key and certificate, one behind the other, so that both are exchanged at once.
const CLIENT: &str = "client.pem";
/// By what the listener is checked.
const ROOTS: &str = "roots.pem";
/// From when on to get another certificate.
const RENEW_AFTER: &str = "renew-after";

/// Get a certificate for the API key in use, to be known by on the listener of mutual TLS.
///
/// The private key is made here and does not leave the directory. The certificate is good for a day and can do what the API key can, as
/// long as the API key can.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  CASEMATE_API_KEY=… casemate key certificate worker1 --url https://node1.example.org:7070
  curl --cert worker1/client.pem --cacert worker1/roots.pem https://node1.example.org:7073/api/v1/session
  casemate key certificate worker1 --if-due       in a timer: gets another when half of the day is over")]
pub(crate) struct GetCertificate {
    /// Where client.pem and roots.pem are written; made if need be, for nobody else to read.
    #[arg(value_name = "DIRECTORY")]
    directory: PathBuf,
    /// Do nothing before half of the certificate's life is over.
    #[arg(long)]
    if_due: bool,
}

impl GetCertificate {
    pub(super) async fn execute(&self, context: &Context) -> Result<Status, CliError> {
        let directory = Dir::open_private(&self.directory)?;
        if let Some(renew_after) = self.not_due(&directory) {
            context
                .output
                .note(&format!("the certificate is good; there is another to get after {renew_after}"));
            return Ok(Status::Done);
        }
        let key = KeyPair::generate().expect("the library has its own randomness");
        let request = CertificateParams::default().serialize_request(&key).and_then(|request| request.pem());
        let request = RequestCertificate { request: request.expect("a key of ours signs a plain request") };
        let got = context.client()?.certificates_issue(&request).await?;
        let private_key = Zeroizing::new(key.serialize_pem());
        let client = Zeroizing::new(format!("{}{}", private_key.as_str(), got.certificate));
        directory.replace(ROOTS, got.roots.as_bytes())?;
        directory.replace(CLIENT, client.as_bytes())?;
        directory.replace(RENEW_AFTER, got.renew_after.as_bytes())?;
        if context.output.json() {
            context.output.value(&got)?;
        } else {
            let place = self.directory.join(CLIENT);
            context.output.note(&format!("{} is good until {}", place.display(), got.expires));
        }
        Ok(Status::Done)
    }

    /// When there is another certificate to get, if that is not yet and somebody asked.
    fn not_due(&self, directory: &Dir) -> Option<Timestamp> {
        let kept = directory.read_bounded(RENEW_AFTER, 64).ok().filter(|_| self.if_due)?;
        let renew_after: Timestamp = std::str::from_utf8(&kept).ok()?.parse().ok()?;
        (SystemClock.now() < renew_after).then_some(renew_after)
    }
}
