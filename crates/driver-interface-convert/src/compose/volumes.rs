//! Applies the volumes and ports of a compose service.

use driver_interface_types::SelinuxLabel;
use serde_json::{Map, Value};

use super::networks::texts;
use super::{Project, value};
use crate::settings::{MountSettings, Settings};

const NOT_SUPPORTED: &str = "the option is not supported; remove it";

pub(crate) fn volumes(settings: &mut Settings<'_>, project: &Project, at: &str, value: &Value) {
    for (index, item) in value::items(value).iter().enumerate() {
        let at = format!("{at}[{index}]");
        settings.at(at.as_str());
        let mount = match item {
            Value::Object(fields) => Some(long_mount(settings, &at, fields)),
            _ => settings.text(item).and_then(|text| settings.short_mount(&text)),
        };
        let Some(mut mount) = mount else { continue };
        let external = mount.kind == "volume" && named_volume(settings, project, &mut mount);
        settings.at(at.as_str()).mount(mount);
        if external {
            settings.volumes.pop();
        }
    }
}

/// Replaces the key of a named volume in `mount` by the volume's name on the engine, and adds the volume's settings
/// to `mount`. Returns whether the volume is external.
fn named_volume(settings: &mut Settings<'_>, project: &Project, mount: &mut MountSettings) -> bool {
    let Some(key) = mount.source.take() else {
        return false;
    };
    let Some(config) = project.volumes.get(&key) else {
        settings.invalid(format!(
            "names the volume `{key}`, which is not in the top-level section `volumes`"
        ));
        return false;
    };
    let (name, is_external) = project.resource(&key, Some(config));
    mount.source = Some(name);
    for (field, value) in config.as_object().into_iter().flatten() {
        let at = format!("volumes.{key}.{field}");
        settings.at(at.as_str());
        match field.as_str() {
            "name" | "external" => {}
            "driver" => mount.driver = value::text(value),
            "driver_opts" => mount.options.extend(texts(settings.entries(value))),
            "labels" => mount.labels.extend(texts(settings.entries(value))),
            _ => settings.leave_key(&at, value, NOT_SUPPORTED),
        }
    }
    is_external
}

fn long_mount(settings: &mut Settings<'_>, at: &str, fields: &Map<String, Value>) -> MountSettings {
    let mut mount = MountSettings::default();
    for (key, value) in fields {
        let at = format!("{at}.{key}");
        settings.at(at.as_str());
        match (key.as_str(), value) {
            ("type", _) => mount.kind = settings.text(value).unwrap_or_default(),
            ("source", _) => mount.source = value::text(value),
            ("target", _) => mount.target = settings.text(value).unwrap_or_default(),
            ("read_only", _) => mount.read_only = settings.boolean(value).unwrap_or_default(),
            ("consistency", _) => {}
            ("bind" | "volume" | "tmpfs", Value::Object(options)) => {
                for (key, value) in options {
                    mount_option(settings, &mut mount, &format!("{at}.{key}"), key, value);
                }
            }
            _ => settings.leave_key(&at, value, NOT_SUPPORTED),
        }
    }
    mount
}

fn mount_option(settings: &mut Settings<'_>, mount: &mut MountSettings, at: &str, key: &str, value: &Value) {
    settings.at(at);
    match key {
        "propagation" => mount.propagation = value::text(value),
        "selinux" => {
            mount.selinux = match value::text(value).as_deref() {
                Some("z") => Some(SelinuxLabel::Shared),
                Some("Z") => Some(SelinuxLabel::Private),
                _ => {
                    settings.invalid("must be `z` or `Z`");
                    None
                }
            }
        }
        "nocopy" => mount.no_copy = settings.boolean(value).unwrap_or_default(),
        "subpath" => mount.subpath = value::text(value),
        "labels" => mount.labels.extend(texts(settings.entries(value))),
        "size" => mount.tmpfs_size = value::text(value),
        // A number has been read as octal, if it was written so.
        "mode" => {
            mount.tmpfs_mode = match value.as_u64() {
                Some(mode) => u32::try_from(mode).ok(),
                None => settings.text(value).and_then(|mode| settings.octal(&mode)),
            }
        }
        // Docker creates a missing directory of the host; the driver reports it.
        "create_host_path" => {}
        _ => settings.leave_key(at, value, NOT_SUPPORTED),
    }
}

/// Publishes the ports of a service. Each port is a text such as `8080:80/tcp`, a number, or a mapping. The fields of
/// a mapping are the parts of such a text.
pub(crate) fn ports(settings: &mut Settings<'_>, at: &str, value: &Value) {
    for (index, port) in value::items(value).iter().enumerate() {
        let at = format!("{at}[{index}]");
        settings.at(at.as_str());
        let Value::Object(fields) = port else {
            settings.with_text(port, Settings::publish);
            continue;
        };
        let part = |name: &str| {
            fields
                .get(name)
                .and_then(value::text)
                .filter(|text| !text.is_empty())
        };
        let host = match part("host_ip") {
            Some(address) if address.contains(':') => format!("[{address}]:"),
            Some(address) => format!("{address}:"),
            None => String::new(),
        };
        let published = match part("published") {
            Some(port) => format!("{port}:"),
            None if host.is_empty() => String::new(),
            None => ":".to_owned(),
        };
        let target = part("target").unwrap_or_default();
        let protocol = part("protocol").unwrap_or_else(|| "tcp".to_owned());
        settings.publish(&format!("{host}{published}{target}/{protocol}"));
        for (key, value) in fields {
            let is_known = [
                "target", "published", "host_ip", "protocol", "name", "app_protocol", "mode",
            ];
            if !is_known.contains(&key.as_str()) {
                settings.leave_key(&format!("{at}.{key}"), value, NOT_SUPPORTED);
            }
        }
    }
}
