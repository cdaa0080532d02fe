//! The addresses of containers on simulated networks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use crate::sync::lock;

/// The last part of the first and the last address of a network that containers get.
const HOSTS: std::ops::RangeInclusive<u8> = 2..=254;

/// The networks that containers have had addresses on.
#[derive(Debug, Default)]
pub(super) struct Subnets(BTreeMap<String, Subnet>);

#[derive(Debug)]
struct Subnet {
    number: u16,
    taken: Taken,
}

type Taken = Arc<Mutex<BTreeSet<u8>>>;

/// An address of a container that runs; free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Address {
    text: String,
    host: u8,
    taken: Taken,
}

impl Subnets {
    /// Takes an address on a network that no running container has.
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
            text: format!("10.{high}.{low}.{host}"),
            host,
            taken: Arc::clone(&subnet.taken),
        }
    }
}

impl Address {
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

impl Drop for Address {
    fn drop(&mut self) {
        lock(&self.taken).remove(&self.host);
    }
}
