//! Stops an engine, and removes the resources that the engine has created.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use super::http::Address;
use super::launch::{self, remove_dir, remove_stale_socket};
use super::layout::Layout;
use super::process::{self, Record};
use super::{Engine, wait_until_it_answers};

/// How long an engine without containers may take to exit before it is killed.
const MAX_WAIT: Duration = Duration::from_secs(30);
/// The networks that engines create by default. These networks cannot be removed.
const FIXED_NETWORKS: [&str; 4] = ["bridge", "host", "none", "podman"];

/// Stops the engine and removes its directories. Returns whether a process or files of the engine were found.
pub(super) fn stop(layout: &Layout) -> Result<bool> {
    if !layout.home().exists() {
        return Ok(false);
    }
    let mut record = Record::load(&layout.record());
    if layout.engine != Engine::Registry
        && let Some(dead) = record.take_if(|record| !record.is_alive() && record.is_of_this_boot())
    {
        kill_leftovers(layout)?;
        // If this fails, bridges, firewall rules and namespaces remain, because only the engine knows which ones it has
        // created.
        let _ = restart_killed_engine(layout, &dead);
        record = Record::load(&layout.record());
    }
    if let Some(record) = record {
        let address = record.endpoint.parse::<Address>()?;
        if record.is_alive() && layout.engine != Engine::Registry {
            empty(&address);
        }
        record.end(MAX_WAIT)?;
        if let Address::Unix(socket) = address {
            // If another engine listens on the socket by now, the socket is not removed.
            let _ = remove_stale_socket(&socket);
        }
    }
    kill_leftovers(layout)?;
    remove_dir(layout.run())?;
    remove_dir(layout.home())?;
    // A directory that several engines share is removed with the last of these engines.
    for parent in [layout.home().parent(), layout.run().parent()]
        .into_iter()
        .flatten()
    {
        let _ = fs::remove_dir(parent);
    }
    Ok(true)
}

/// Starts a killed engine once more, because only the engine itself knows which networks, firewall rules and mounts
/// it has created.
fn restart_killed_engine(layout: &Layout, dead: &Record) -> Result<()> {
    let address = dead.endpoint.parse::<Address>()?;
    let child = launch::launch(layout, &address)?;
    wait_until_it_answers(layout, &address, Some(child))?;
    Ok(())
}

fn kill_leftovers(layout: &Layout) -> Result<()> {
    // Only the records of the killed shims contain these paths, and the next engine would delete the records.
    let sockets = shim_sockets(layout);
    process::kill_leftovers(&[layout.home(), layout.run()])?;
    for socket in sockets {
        let _ = remove_stale_socket(&socket);
    }
    Ok(())
}

/// Returns the sockets of the container shims that dockerd's own containerd has started. All these sockets are in
/// `/run/containerd/s`, regardless of containerd's own directories. A killed shim leaves its socket behind.
fn shim_sockets(layout: &Layout) -> Vec<PathBuf> {
    let tasks = layout
        .run()
        .join("exec/containerd/daemon/io.containerd.runtime.v2.task");
    let entries = |dir: PathBuf| fs::read_dir(dir).into_iter().flatten().flatten();
    entries(tasks)
        .flat_map(|namespace| entries(namespace.path()))
        .filter_map(|task| fs::read_to_string(task.path().join("address")).ok())
        .filter_map(|address| Some(address.trim().strip_prefix("unix://")?.into()))
        .collect()
}

/// Removes all containers and networks through the engine's API, as far as possible.
///
/// Only the engine can remove its firewall rules and bridges. If containers remained, the engine would stop them when
/// it exits, and wait 10 s for each container that ignores `SIGTERM`. This function ignores failures, because the
/// later forcible cleanup removes what remains.
fn empty(address: &Address) {
    for container in list(address, "/containers/json?all=true", "Id") {
        delete(address, &format!("/containers/{container}?force=true&v=true"));
    }
    for network in list(address, "/networks", "Name") {
        if !FIXED_NETWORKS.contains(&network.as_str()) {
            delete(address, &format!("/networks/{network}"));
        }
    }
}

fn list(address: &Address, path: &str, key: &str) -> Vec<String> {
    let answer = address
        .request("GET", path, MAX_WAIT)
        .ok()
        .and_then(|answer| answer.json().ok());
    let items = answer.as_ref().and_then(Value::as_array).into_iter().flatten();
    items
        .filter_map(|item| Some(item.get(key)?.as_str()?.to_owned()))
        .collect()
}

fn delete(address: &Address, path: &str) {
    let _ = address.request("DELETE", path, MAX_WAIT);
}
