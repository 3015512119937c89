//! Names over DNS.

use std::net::SocketAddr;
use std::path::PathBuf;

use casemate_dns::Zone;
use casemate_limits::Quota;
use serde::{Deserialize, Serialize};

use super::{ConfigError, bad};

/// Most servers that are told of changes.
const SECONDARIES_MAX: usize = 16;

/// What was written about DNS.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WrittenDns {
    /// The address where names are answered for over DNS; empty for none.
    pub(crate) listen: String,
    /// The same over TLS; empty for none. The certificate is that of `tls_certificate_file`.
    pub(crate) tls_listen: String,
    /// The domain below which all names stand, such as `names.example.org`.
    pub(crate) zone: String,
    /// The servers of the zone, with their addresses if those are in it: `ns1.names.example.org=192.0.2.53`.
    pub(crate) servers: Vec<String>,
    /// Whether answers are signed (DNSSEC).
    pub(crate) sign: bool,
    /// A file with the key of those who may have the whole zone, as `NAME:hmac-sha256:BASE64`; empty for nobody.
    pub(crate) transfer_key_file: String,
    /// Servers that are told when the zone changes.
    pub(crate) notify: Vec<String>,
    /// Answers that one network gets in a second by datagrams; 0 for any number.
    pub(crate) answers_per_second: u32,
}

impl Default for WrittenDns {
    fn default() -> Self {
        Self {
            listen: String::new(),
            tls_listen: String::new(),
            zone: String::new(),
            servers: Vec::new(),
            sign: true,
            transfer_key_file: String::new(),
            notify: Vec::new(),
            answers_per_second: 200,
        }
    }
}

/// How names are answered for.
#[derive(Clone, Debug)]
pub(crate) struct DnsConfig {
    pub(crate) listen: SocketAddr,
    pub(crate) tls_listen: Option<SocketAddr>,
    pub(crate) zone: Zone,
    pub(crate) sign: bool,
    pub(crate) transfer_key_file: Option<PathBuf>,
    pub(crate) notify: Vec<SocketAddr>,
    pub(crate) answers: Option<Quota>,
}

/// Works out what the section means.
pub(super) fn settings(written: &WrittenDns, has_tls: bool) -> Result<Option<DnsConfig>, ConfigError> {
    if written.listen.is_empty() {
        return Ok(None);
    }
    let tls_listen = match written.tls_listen.as_str() {
        "" => None,
        text if !has_tls => {
            return Err(bad("dns.tls_listen", text, "nothing, unless there is a `tls_certificate_file`"));
        }
        text => Some(address("dns.tls_listen", text)?),
    };
    let zone = Zone::new(&written.zone, &written.servers).map_err(|error| {
        let expected = format!(
            "a domain with servers: {error}; such as names.example.org with servers = [\"ns1.example.org\"]"
        );
        bad("dns.zone", &written.zone, &expected)
    })?;
    if written.notify.len() > SECONDARIES_MAX {
        return Err(bad("dns.notify", "that many", "at most 16 servers"));
    }
    let burst = written.answers_per_second.saturating_mul(2).min(Quota::MAX);
    if written.answers_per_second > Quota::MAX {
        let expected = format!("a number from 0 to {}", Quota::MAX);
        return Err(bad("dns.answers_per_second", &written.answers_per_second.to_string(), &expected));
    }
    Ok(Some(DnsConfig {
        listen: address("dns.listen", &written.listen)?,
        tls_listen,
        zone,
        sign: written.sign,
        transfer_key_file: (!written.transfer_key_file.is_empty())
            .then(|| PathBuf::from(&written.transfer_key_file)),
        notify: written.notify.iter().map(|text| address("dns.notify", text)).collect::<Result<_, _>>()?,
        answers: (written.answers_per_second > 0)
            .then_some(Quota { per_second: written.answers_per_second, burst }),
    }))
}

fn address(key: &'static str, text: &str) -> Result<SocketAddr, ConfigError> {
    text.parse().map_err(|_| bad(key, text, "an IP address and port, such as 127.0.0.1:5353"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(written: WrittenDns) -> Result<Option<DnsConfig>, String> {
        settings(&written, false).map_err(|error| error.to_string())
    }

    #[test]
    fn a_zone_has_servers_and_an_address() {
        assert!(read(WrittenDns::default()).expect("nothing is served").is_none());
        let good = WrittenDns {
            listen: "127.0.0.1:5353".to_owned(),
            zone: "names.example".to_owned(),
            servers: vec!["ns1.names.example=192.0.2.53".to_owned()],
            ..WrittenDns::default()
        };
        let answers = read(good.clone()).expect("all is good").expect("it is served").answers;
        assert_eq!(answers, Some(Quota { per_second: 200, burst: 400 }));
        let refused = |written: WrittenDns| read(written).expect_err("no");
        assert!(
            refused(WrittenDns { listen: "x".to_owned(), ..good.clone() })
                .contains("`dns.listen` cannot be `x`")
        );
        assert!(refused(WrittenDns { servers: vec![], ..good.clone() }).contains("at least one server"));
        assert!(
            refused(WrittenDns { zone: ".".to_owned(), ..good.clone() }).contains("`dns.zone` cannot be `.`")
        );
        let tls = WrittenDns { tls_listen: "127.0.0.1:853".to_owned(), ..good };
        assert!(refused(tls).contains("tls_certificate_file"));
    }
}
