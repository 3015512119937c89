use proptest::prelude::*;

use super::*;

fn policy(networks: &str) -> EgressPolicy {
    EgressPolicy::new(networks.parse().expect("networks"))
}

fn check(policy: &EgressPolicy, address: &str) -> Result<(), EgressRefused> {
    policy.check(address.parse().expect("an address"))
}

/// What an attacker would name to reach what is behind the node.
const ATTACKS: [&str; 56] = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::2",
    "::127.0.0.1",
    "::10.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::10.0.0.1",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a00:1::",
    "2002:808:808::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456:789a::1",
    "fec0::1",
    "ff02::1",
    "ff05::2",
    "ff0e::1",
    "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "8000::1",
    "e000::1",
];

/// Where clouds tell a machine its secrets, in every spelling that may lead there.
const METADATA_FORMS: [&str; 18] = [
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "169.254.0.1",
    "168.63.129.16",
    "100.100.100.200",
    "192.0.0.192",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd20:ce::254",
    "fe80::1",
    "fe80::a9fe:a9fe",
    "febf::1",
    "::ffff:169.254.169.254",
    "::169.254.169.254",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::169.254.169.254",
    "2002:a9fe:a9fe::",
];

#[test]
fn what_an_attacker_would_name_is_refused() {
    for address in ATTACKS {
        assert_eq!(check(&policy(""), address), Err(EgressRefused::NotPublic), "{address}");
    }
}

#[test]
fn metadata_are_refused_whatever_is_allowed() {
    for networks in ["", "0.0.0.0/0 ::/0", "169.254.169.254 fd00:ec2::/32 fe80::/10 168.63.129.16"] {
        for address in METADATA_FORMS {
            assert_eq!(check(&policy(networks), address), Err(EgressRefused::Metadata), "{address}");
            assert!(!policy(networks).is_named(address.parse().expect("an address")), "{address}");
        }
    }
    let teredo = "2001:0:4136:e378:8000:63bf:5601:5601";
    assert_eq!(
        check(&policy("::/0"), teredo),
        Err(EgressRefused::Metadata),
        "169.254.169.254 with turned bits"
    );
}

#[test]
fn public_addresses_pass_and_the_neighbours_of_those_that_do_not() {
    for address in [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.1",
        "172.15.255.255",
        "172.32.0.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2003::1",
        "2606:4700::1111",
        "3ffe:ffff::1",
    ] {
        assert_eq!(check(&policy(""), address), Ok(()), "{address}");
    }
}

#[test]
fn what_is_allowed_by_name_passes_and_nothing_beside_it() {
    let policy = policy("127.0.0.0/8 10.1.0.0/16 fd12::/16");
    for address in ["127.0.0.1", "10.1.2.3", "fd12::7", "1.1.1.1"] {
        assert_eq!(check(&policy, address), Ok(()), "{address}");
    }
    // Leave for IPv4 is none for what merely holds such an address.
    for address in ["10.2.0.1", "fd13::1", "::ffff:127.0.0.1", "64:ff9b::10.1.2.3", "2002:7f00:1::", "::1"] {
        assert_eq!(check(&policy, address), Err(EgressRefused::NotPublic), "{address}");
    }
    assert!(policy.is_named("127.0.0.1".parse().expect("an address")));
    assert!(!policy.is_named("1.1.1.1".parse().expect("an address")), "public, but not named");
}

proptest! {
    /// An independent judgement, the standard library's, never finds fault with what passes.
    #[test]
    fn nothing_that_passes_is_special(bits: u32) {
        let v4 = Ipv4Addr::from(bits);
        let special = v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_broadcast()
            || v4.is_documentation() || v4.is_multicast() || v4.is_unspecified();
        prop_assert!(!special || policy("").check(v4.into()).is_err(), "{v4}");
    }

    #[test]
    fn nothing_that_passes_is_special_in_ipv6(bits: u128, first in 0_u16..=u16::MAX) {
        let v6 = Ipv6Addr::from((bits >> 16) | (u128::from(first) << 112));
        let special = v6.is_loopback() || v6.is_multicast() || v6.is_unspecified() || v6.is_unique_local()
            || v6.is_unicast_link_local() || v6.to_ipv4().is_some();
        prop_assert!(!special || policy("").check(v6.into()).is_err(), "{v6}");
    }

    /// No way to write an IPv4 address in IPv6 reaches what the IPv4 address does not, or anything at all.
    #[test]
    fn ipv4_in_ipv6_is_refused(bits: u32) {
        let (high, low) = ((bits >> 16) as u16, (bits & 0xffff) as u16);
        let forms = [
            Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, high, low),
            Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low),
            Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
            Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, high, low),
            Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
            Ipv6Addr::new(0x2001, 0, 1, 1, 0, 0, !high, !low),
        ];
        for form in forms {
            prop_assert!(policy("").check(form.into()).is_err(), "{form}");
            let metadata = serves_metadata(Ipv4Addr::from(bits).into());
            let allowed = policy("::/0 0.0.0.0/0").check(form.into());
            prop_assert_eq!(allowed.is_err(), metadata, "{}", form);
        }
    }

    /// What is allowed adds addresses and takes none away, and never one of metadata.
    #[test]
    fn allowing_only_adds(bits: u32) {
        let address = IpAddr::V4(Ipv4Addr::from(bits));
        let (strict, lax) = (policy("").check(address), policy("0.0.0.0/0").check(address));
        prop_assert!(strict.is_err() || lax.is_ok());
        prop_assert_eq!(lax.is_err(), serves_metadata(address));
    }
}
