//! Allocation of container addresses on simulated networks.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};

use crate::sync::lock;

/// The possible values of the last byte of a container's address.
const HOSTS: std::ops::RangeInclusive<u8> = 2..=254;

/// The subnets of all networks on which a container has had an address.
#[derive(Debug, Default)]
pub(super) struct Subnets(BTreeMap<String, Subnet>);

#[derive(Debug)]
struct Subnet {
    number: u16,
    taken: Taken,
}

type Taken = Arc<Mutex<BTreeSet<u8>>>;

/// An address of a running container. Dropping the value frees the address.
#[derive(Debug)]
pub(crate) struct Address {
    ip: Ipv4Addr,
    taken: Taken,
}

impl Subnets {
    /// Allocates an unused address on `network`.
    pub(super) fn take(&mut self, network: &str) -> Address {
        let next = u16::try_from(self.0.len()).unwrap_or(u16::MAX).saturating_add(1);
        let subnet = self.0.entry(network.to_owned()).or_insert_with(|| Subnet {
            number: next,
            taken: Taken::default(),
        });
        let mut taken = lock(&subnet.taken);
        let host = HOSTS
            .clone()
            .find(|host| !taken.contains(host))
            .unwrap_or(*HOSTS.end());
        taken.insert(host);
        let [high, low] = subnet.number.to_be_bytes();
        Address {
            ip: Ipv4Addr::new(10, high, low, host),
            taken: Arc::clone(&subnet.taken),
        }
    }
}

impl Address {
    pub(crate) fn ip(&self) -> IpAddr {
        self.ip.into()
    }
}

impl Drop for Address {
    fn drop(&mut self) {
        let [.., host] = self.ip.octets();
        lock(&self.taken).remove(&host);
    }
}
