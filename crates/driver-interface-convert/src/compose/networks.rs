//! Connects the container to the networks of a compose service.

use std::cmp::Reverse;

use driver_interface_types::{NetworkConfig, NetworkConnectOptions, Subnet};
use serde_json::{Map, Value};

use super::{Project, value};
use crate::settings::Settings;

/// The key of the network that a service is connected to if the service names no network.
const DEFAULT: &str = "default";

/// Connects the container to the networks of its service.
pub(crate) fn connect(settings: &mut Settings<'_>, project: &Project, networks: &Value) {
    let at = format!("services.{}.networks", project.service);
    let empty = Map::new();
    let mut named: Vec<(String, &Map<String, Value>)> = Vec::new();
    match networks {
        Value::Object(networks) => {
            for (name, options) in networks {
                named.push((name.clone(), options.as_object().unwrap_or(&empty)));
            }
        }
        Value::Null => named.push((DEFAULT.to_owned(), &empty)),
        list => {
            settings.at(at.as_str());
            for name in value::items(list) {
                named.extend(settings.text(name).map(|name| (name, &empty)));
            }
        }
    }
    // The network with the highest priority is the main one.
    let priority = |options: &Map<String, Value>| -> i64 {
        let priority = options.get("priority").and_then(value::text);
        priority.and_then(|text| text.parse().ok()).unwrap_or_default()
    };
    named.sort_by_key(|(_, options)| Reverse(priority(options)));
    for (name, options) in named {
        let at = format!("{at}.{name}");
        let config = project.networks.get(&name);
        if config.is_none() && name != DEFAULT {
            settings
                .at(at)
                .invalid("is not in the top-level section `networks`");
            continue;
        }
        let (engine_name, is_external) = project.resource(&name, config);
        if !is_external {
            create(settings, &name, engine_name.clone(), config);
        }
        let options = connect_options(settings, project, &at, options);
        settings.connect(&engine_name, options);
    }
}

fn connect_options(
    settings: &mut Settings<'_>,
    project: &Project,
    at: &str,
    options: &Map<String, Value>,
) -> NetworkConnectOptions {
    // Other services resolve a service by its name.
    let mut connect = NetworkConnectOptions::default().alias(&project.service);
    for (key, value) in options {
        let at = format!("{at}.{key}");
        settings.at(at.as_str());
        match key.as_str() {
            "aliases" => connect.aliases.extend(
                value::items(value)
                    .iter()
                    .filter_map(|alias| settings.text(alias)),
            ),
            "ipv4_address" | "ipv6_address" => {
                settings.with_text(value, |settings, address| {
                    settings.network_address(&mut connect, address)
                });
            }
            "priority" => {}
            _ => settings.leave_key(&at, value, "the option is not supported; remove it"),
        }
    }
    connect
}

/// Adds a network to the list of networks that must exist before the container is created.
fn create(settings: &mut Settings<'_>, key: &str, name: String, config: Option<&Value>) {
    let mut network = NetworkConfig::new(name).session(&settings.config.session_id);
    for (field, value) in config.and_then(Value::as_object).into_iter().flatten() {
        let at = format!("networks.{key}.{field}");
        settings.at(at.as_str());
        match field.as_str() {
            "name" | "external" => {}
            "driver" => network.driver = value::text(value).filter(|name| name != "default"),
            "driver_opts" => network.options.extend(texts(settings.entries(value))),
            "labels" => network.labels.extend(texts(settings.entries(value))),
            "internal" => network.internal = settings.boolean(value).unwrap_or_default(),
            "enable_ipv6" => network.ipv6 = settings.boolean(value).unwrap_or_default(),
            "ipam" => {
                for subnet in value.get("config").map(value::items).unwrap_or_default() {
                    let part = |name: &str| subnet.get(name).and_then(value::text);
                    if let Some(range) = part("subnet") {
                        let mut range = Subnet::new(range);
                        range.gateway = part("gateway").and_then(|gateway| settings.gateway(&gateway));
                        network.subnets.push(range);
                    }
                }
            }
            _ => settings.leave_key(&at, value, "the option is not supported; remove it"),
        }
    }
    settings.networks.push(network);
}

pub(crate) fn texts(entries: Vec<(String, Option<String>)>) -> impl Iterator<Item = (String, String)> {
    let entries = entries.into_iter();
    entries.map(|(key, value)| (key, value.unwrap_or_default()))
}
