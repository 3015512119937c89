use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;

use super::{PasskeyError, RelyingParty};

/// Most bytes of client data; browsers write a few hundred.
const BYTES_MAX: usize = 4_096;

/// What a passkey is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ceremony {
    Create,
    Get,
}

/// What is looked at. Browsers may add fields, as the standard says.
#[derive(Deserialize)]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(rename = "crossOrigin", default)]
    cross_origin: bool,
    #[serde(rename = "topOrigin", default)]
    top_origin: Option<String>,
}

/// Checks what a browser wrote about a ceremony; returns the challenge, which is yet to be looked at.
pub(super) fn check(bytes: &[u8], ceremony: Ceremony, party: &RelyingParty) -> Result<Vec<u8>, PasskeyError> {
    if bytes.len() > BYTES_MAX {
        return Err(PasskeyError::ClientData);
    }
    let data: ClientData = serde_json::from_slice(bytes).map_err(|_| PasskeyError::ClientData)?;
    let kind = match ceremony {
        Ceremony::Create => "webauthn.create",
        Ceremony::Get => "webauthn.get",
    };
    if data.kind != kind {
        return Err(PasskeyError::Ceremony);
    }
    // The console is in nobody's frame, so whoever says so is not the console.
    if data.origin != party.origin() || data.cross_origin || data.top_origin.is_some() {
        return Err(PasskeyError::Origin);
    }
    BASE64URL_NOPAD.decode(data.challenge.as_bytes()).map_err(|_| PasskeyError::ClientData)
}
