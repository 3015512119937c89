use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// What a name says in DNS: records of a few types, each once, in one order, with one time to live.
///
/// The text form is a line for each record, as [`DnsRecord`] writes it, after a line `$TTL <seconds>` unless that is
/// [`DnsRecords::TTL_DEFAULT`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsRecords {
    ttl: u32,
    records: Vec<DnsRecord>,
}

/// One record. Text form: `[PREFIX ]TYPE DATA`, such as `A 192.0.2.1` or `_http._tcp SRV 0 5 443 host.example`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DnsRecord {
    /// Where below the name it stands; at the name itself if absent.
    pub prefix: Option<DnsPrefix>,
    /// What it says.
    pub data: DnsData,
}

/// One or two underscored labels (RFC 8552), such as `_http._tcp`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DnsPrefix(String);

/// A host that a record points at, in lower case and without a dot at its end; `.` is none at all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DnsTarget(String);

/// The types there are, and what each says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DnsData {
    /// An address.
    A(Ipv4Addr),
    /// An address.
    Aaaa(Ipv6Addr),
    /// Another name for it. Nothing else can stand in the same place.
    Cname(DnsTarget),
    /// Words: printable ASCII, at most [`DnsRecords::TXT_BYTES_MAX`].
    Txt(String),
    /// Where a service is (RFC 2782).
    Srv {
        /// Lower ones come first.
        priority: u16,
        /// How often, among those of one priority.
        weight: u16,
        /// The port.
        port: u16,
        /// The host.
        target: DnsTarget,
    },
    /// How a service is reached (RFC 9460).
    Svcb(Binding),
    /// How its web service is reached (RFC 9460).
    Https(Binding),
}

/// What an `SVCB` or `HTTPS` record says. Text form: `PRIORITY TARGET[ KEY=VALUE]…`, the keys in the order of their numbers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Binding {
    /// Lower ones come first; 0 makes the target another name for the service.
    pub priority: u16,
    /// The host; `.` is the name itself.
    pub target: DnsTarget,
    /// Protocols that are spoken there, such as `h2`.
    pub alpn: Vec<String>,
    /// The port, unless it is the usual one.
    pub port: Option<u16>,
    /// Addresses of the target.
    pub ipv4hint: Vec<Ipv4Addr>,
    /// Addresses of the target.
    pub ipv6hint: Vec<Ipv6Addr>,
}

/// Text that is no DNS record, or records that cannot be together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DnsError {
    /// Not the text form of a record.
    #[error(
        "`{line}` is no DNS record: write `[PREFIX ]TYPE DATA`, such as `A 192.0.2.1`, with a type of A, AAAA, CNAME, TXT, SRV, SVCB or HTTPS"
    )]
    Record {
        /// What was given, cut to 120 characters.
        line: String,
    },
    /// More than there can be.
    #[error(
        "a name has at most {} DNS records with {} bytes of text",
        DnsRecords::COUNT_MAX,
        DnsRecords::BYTES_MAX
    )]
    TooMany,
    /// The same record twice.
    #[error("the DNS record `{line}` is there twice")]
    Twice {
        /// The record.
        line: String,
    },
    /// A `CNAME` beside something else.
    #[error("a CNAME is alone in its place: nothing else can stand beside `{line}`")]
    NotAlone {
        /// The record.
        line: String,
    },
    /// A `SRV` that is not below a service.
    #[error("`{line}` needs a prefix such as `_http._tcp`")]
    NoService {
        /// The record.
        line: String,
    },
    /// No such time to live.
    #[error("a time to live is {} to {} seconds", DnsRecords::TTL_MIN, DnsRecords::TTL_MAX)]
    Ttl,
}

impl DnsRecords {
    /// Most records of a name.
    pub const COUNT_MAX: usize = 32;
    /// Most bytes of the text forms of all records of a name.
    pub const BYTES_MAX: usize = 4096;
    /// Most bytes of the words of a `TXT` record.
    pub const TXT_BYTES_MAX: usize = 1024;
    /// The time to live, in seconds, where none is given.
    pub const TTL_DEFAULT: u32 = 300;
    /// The shortest time to live, in seconds.
    pub const TTL_MIN: u32 = 1;
    /// The longest time to live, in seconds: a day.
    pub const TTL_MAX: u32 = 86_400;

    /// Puts records in order. They must be different and go together.
    pub fn new(ttl: u32, mut records: Vec<DnsRecord>) -> Result<Self, DnsError> {
        if !(Self::TTL_MIN..=Self::TTL_MAX).contains(&ttl) {
            return Err(DnsError::Ttl);
        }
        let bytes: usize = records.iter().map(|record| record.to_string().len()).sum();
        if records.len() > Self::COUNT_MAX || bytes > Self::BYTES_MAX {
            return Err(DnsError::TooMany);
        }
        records.sort();
        if let Some([same, _]) = records.array_windows().find(|[one, other]| one == other) {
            return Err(DnsError::Twice { line: same.to_string() });
        }
        for record in &records {
            let is_beside = |other: &&DnsRecord| other.prefix == record.prefix && *other != record;
            match record.data {
                DnsData::Cname(_) if records.iter().any(|other| is_beside(&other)) => {
                    return Err(DnsError::NotAlone { line: record.to_string() });
                }
                DnsData::Srv { .. }
                    if record.prefix.as_ref().is_none_or(|prefix| !prefix.0.contains('.')) =>
                {
                    return Err(DnsError::NoService { line: record.to_string() });
                }
                _ => {}
            }
        }
        Ok(Self { ttl, records })
    }

    /// Seconds that an answer may be kept.
    pub fn ttl(&self) -> u32 {
        self.ttl
    }

    /// The records, in order.
    pub fn records(&self) -> &[DnsRecord] {
        &self.records
    }
}

impl Default for DnsRecords {
    fn default() -> Self {
        Self { ttl: Self::TTL_DEFAULT, records: Vec::new() }
    }
}

impl fmt::Display for DnsRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ttl != Self::TTL_DEFAULT {
            writeln!(f, "$TTL {}", self.ttl)?;
        }
        self.records.iter().try_for_each(|record| writeln!(f, "{record}"))
    }
}

impl FromStr for DnsRecords {
    type Err = DnsError;

    fn from_str(text: &str) -> Result<Self, DnsError> {
        let mut ttl = Self::TTL_DEFAULT;
        let mut lines = text.lines().peekable();
        if let Some(seconds) = lines.peek().and_then(|line| line.strip_prefix("$TTL ")) {
            ttl = number(seconds).ok_or(DnsError::Ttl)?;
            lines.next();
        }
        // Counted before they are read: a long text makes no long list.
        let records = lines.take(Self::COUNT_MAX + 1).map(str::parse).collect::<Result<_, _>>()?;
        Self::new(ttl, records)
    }
}

impl fmt::Display for DnsRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(prefix) = &self.prefix {
            write!(f, "{prefix} ")?;
        }
        match &self.data {
            DnsData::A(address) => write!(f, "A {address}"),
            DnsData::Aaaa(address) => write!(f, "AAAA {address}"),
            DnsData::Cname(target) => write!(f, "CNAME {target}"),
            DnsData::Txt(words) => write!(f, "TXT {words}"),
            DnsData::Srv { priority, weight, port, target } => {
                write!(f, "SRV {priority} {weight} {port} {target}")
            }
            DnsData::Svcb(binding) => write!(f, "SVCB {binding}"),
            DnsData::Https(binding) => write!(f, "HTTPS {binding}"),
        }
    }
}

impl FromStr for DnsRecord {
    type Err = DnsError;

    fn from_str(line: &str) -> Result<Self, DnsError> {
        read(line).ok_or_else(|| DnsError::Record { line: line.chars().take(120).collect() })
    }
}

fn read(line: &str) -> Option<DnsRecord> {
    if line.len() > DnsRecords::TXT_BYTES_MAX + 256 {
        return None;
    }
    let (first, rest) = line.split_once(' ')?;
    let (prefix, kind, data) = if first.starts_with('_') {
        let (kind, data) = rest.split_once(' ')?;
        (Some(first.parse().ok()?), kind, data)
    } else {
        (None, first, rest)
    };
    let data = match kind.to_ascii_uppercase().as_str() {
        "A" => DnsData::A(data.parse().ok()?),
        "AAAA" => DnsData::Aaaa(data.parse().ok()?),
        "CNAME" => DnsData::Cname(data.parse().ok().filter(|target: &DnsTarget| !target.is_none())?),
        "TXT" => DnsData::Txt(words(data)?),
        "SRV" => srv(data)?,
        "SVCB" => DnsData::Svcb(data.parse().ok()?),
        "HTTPS" => DnsData::Https(data.parse().ok()?),
        _ => return None,
    };
    Some(DnsRecord { prefix, data })
}

fn words(text: &str) -> Option<String> {
    let is_printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let is_whole = !text.is_empty() && text.trim() == text && text.len() <= DnsRecords::TXT_BYTES_MAX;
    (is_printable && is_whole).then(|| text.to_owned())
}

fn srv(data: &str) -> Option<DnsData> {
    let mut fields = data.split(' ');
    let mut next = || fields.next();
    let (priority, weight, port) = (number(next()?)?, number(next()?)?, number(next()?)?);
    let target = next()?.parse().ok()?;
    next().is_none().then_some(DnsData::Srv { priority, weight, port, target })
}

/// A number in its one spelling.
fn number<T: FromStr + fmt::Display>(text: &str) -> Option<T> {
    text.parse().ok().filter(|number: &T| number.to_string() == text)
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.priority, self.target)?;
        if !self.alpn.is_empty() {
            write!(f, " alpn={}", self.alpn.join(","))?;
        }
        if let Some(port) = self.port {
            write!(f, " port={port}")?;
        }
        write_list(f, "ipv4hint", &self.ipv4hint)?;
        write_list(f, "ipv6hint", &self.ipv6hint)
    }
}

fn write_list<T: fmt::Display>(f: &mut fmt::Formatter<'_>, key: &str, list: &[T]) -> fmt::Result {
    for (index, item) in list.iter().enumerate() {
        if index == 0 {
            write!(f, " {key}={item}")?;
        } else {
            write!(f, ",{item}")?;
        }
    }
    Ok(())
}

impl FromStr for Binding {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut fields = text.split(' ');
        let priority = fields.next().and_then(number).ok_or(())?;
        let target = fields.next().ok_or(())?.parse().map_err(|_| ())?;
        let mut binding =
            Self { priority, target, alpn: vec![], port: None, ipv4hint: vec![], ipv6hint: vec![] };
        let mut last = "";
        for field in fields {
            let (key, value) = field.split_once('=').ok_or(())?;
            if rank(last) >= rank(key) {
                return Err(());
            }
            last = key;
            match key {
                "alpn" => binding.alpn = list(value, protocol)?,
                "port" => binding.port = Some(number(value).ok_or(())?),
                "ipv4hint" => binding.ipv4hint = list(value, |item| item.parse().ok())?,
                "ipv6hint" => binding.ipv6hint = list(value, |item| item.parse().ok())?,
                _ => return Err(()),
            }
        }
        // Priority 0 is another name for the service, and says nothing about how that is reached.
        if binding.priority == 0 && !last.is_empty() { Err(()) } else { Ok(binding) }
    }
}

/// The number of a key (RFC 9460, section 14.3.2), with nothing before the first.
fn rank(key: &str) -> u16 {
    match key {
        "" => 0,
        "alpn" => 1,
        "port" => 3,
        "ipv4hint" => 4,
        "ipv6hint" => 6,
        _ => u16::MAX,
    }
}

fn protocol(text: &str) -> Option<String> {
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'/' | b'_' | b'+');
    ((1..=32).contains(&text.len()) && text.bytes().all(is_plain)).then(|| text.to_owned())
}

fn list<T: PartialEq>(text: &str, read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, ()> {
    let items: Vec<T> = text.split(',').take(9).map(&read).collect::<Option<_>>().ok_or(())?;
    let is_new = |(index, item)| !items[..index].contains(item);
    if items.len() <= 8 && items.iter().enumerate().all(is_new) { Ok(items) } else { Err(()) }
}

impl DnsPrefix {
    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DnsPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for DnsPrefix {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let is_underscored =
            |label: &str| label.len() <= 63 && label.strip_prefix('_').is_some_and(crate::name::is_label);
        let is_short = text.split('.').count() <= 2;
        (is_short && text.split('.').all(is_underscored)).then(|| Self(text.to_owned())).ok_or(())
    }
}

impl DnsTarget {
    /// The text form, without a dot at its end; `.` if it is none.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it points nowhere, or at the name itself: see the type of the record.
    pub fn is_none(&self) -> bool {
        self.0 == "."
    }
}

impl fmt::Display for DnsTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for DnsTarget {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text == "." {
            return Ok(Self(text.to_owned()));
        }
        let host = text.strip_suffix('.').unwrap_or(text);
        let is_host_label = |label: &str| crate::name::is_label(label.strip_prefix('_').unwrap_or(label));
        let is_host = host.len() <= 253 && host.split('.').all(is_host_label);
        is_host.then(|| Self(host.to_owned())).ok_or(())
    }
}

#[cfg(test)]
mod tests;
