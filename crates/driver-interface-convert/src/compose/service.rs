//! Applies the keys of a compose service.

use driver_interface_types::HealthTest;
use serde_json::{Map, Value};

use super::{Project, deploy, networks, value, volumes};
use crate::not_supported;
use crate::settings::{HealthTime, Settings};

/// The keys that are applied first, because other keys depend on them.
const FIRST: &[&str] = &["network_mode"];

pub(crate) fn apply(settings: &mut Settings<'_>, project: &Project, keys: &Map<String, Value>) {
    let at = format!("services.{}", project.service);
    let first = FIRST.iter().filter_map(|key| keys.get_key_value(*key));
    let others = keys.iter().filter(|(key, _)| !FIRST.contains(&key.as_str()));
    for (key, value) in first.chain(others) {
        let at = format!("{at}.{key}");
        settings.at(at.as_str());
        if !value.is_null() {
            apply_key(settings, project, &at, key, value);
        }
    }
    if !keys.contains_key("network_mode") {
        let default = Value::Null;
        networks::connect(settings, project, keys.get("networks").unwrap_or(&default));
    }
    if settings.config.image.is_empty() {
        match keys.get("build") {
            Some(_) => settings.config.image = format!("{}-{}", project.name, project.service),
            None => settings.at(at).invalid("has neither `image` nor `build`"),
        }
    }
    // Limits in `deploy` are those of a swarm as well; the service's own take precedence.
    if let Some(deploy) = keys.get("deploy") {
        deploy::apply(settings, project, keys, deploy);
    }
}

fn apply_key(settings: &mut Settings<'_>, project: &Project, at: &str, key: &str, value: &Value) {
    let text = |settings: &mut Settings<'_>| settings.text(value);
    match key {
        // These are applied by `apply`.
        "deploy" | "networks" => {}
        "annotations" => {
            for (key, value) in settings.entries(value) {
                let value = value.unwrap_or_default();
                settings.config.annotations.insert(key, value);
            }
        }
        "cap_add" => settings.each_text(value, Settings::add_capability),
        "cap_drop" => settings.each_text(value, Settings::drop_capability),
        "command" => settings.config.command = settings.command(value),
        "container_name" => settings.config.name = text(settings),
        "cpu_period" => settings.with_text(value, Settings::cpu_period),
        "cpu_quota" => settings.with_text(value, Settings::cpu_quota),
        "cpu_shares" => settings.with_text(value, Settings::cpu_shares),
        "cpus" => settings.with_text(value, Settings::cpus),
        "cpuset" => settings.config.cpuset = text(settings),
        "devices" => devices(settings, value),
        "dns" => settings.each_text(value, Settings::dns),
        "dns_opt" => settings.each_text(value, |settings, text| {
            settings.config.dns_options.push(text.to_owned())
        }),
        "dns_search" => settings.each_text(value, |settings, text| {
            settings.config.dns_search.push(text.to_owned())
        }),
        "entrypoint" => settings.config.entrypoint = Some(settings.command(value)),
        "env_file" => env_files(settings, value),
        "environment" => {
            for (key, value) in settings.entries(value) {
                settings.env(&key, value.as_deref());
            }
        }
        "extra_hosts" => extra_hosts(settings, value),
        "gpus" => deploy::gpus(settings, at, value),
        "group_add" => settings.each_text(value, |settings, text| {
            settings.config.groups.push(text.to_owned())
        }),
        "healthcheck" => health_check(settings, at, value),
        "hostname" => settings.config.hostname = text(settings),
        "image" => settings.config.image = text(settings).unwrap_or_default(),
        "init" => settings.config.init = settings.boolean(value),
        "label_file" => settings.each_text(value, Settings::label_file),
        "labels" => {
            for (key, value) in settings.entries(value) {
                settings.label(&key, value.as_deref());
            }
        }
        "logging" => logging(settings, at, value),
        "mem_limit" => settings.with_text(value, Settings::memory),
        "mem_reservation" => settings.with_text(value, Settings::memory_reservation),
        "memswap_limit" => settings.with_text(value, Settings::memory_swap),
        "network_mode" => {
            if let Some(mode) = text(settings)
                && !settings.network_mode(&mode)
            {
                settings.invalid(format!("must be a network mode; got {mode:?}"));
            }
        }
        "pids_limit" => settings.with_text(value, Settings::pids),
        "platform" => settings.config.platform = text(settings),
        "ports" => volumes::ports(settings, at, value),
        "pull_policy" => settings.with_text(value, Settings::pull),
        "read_only" => {
            if let Some(yes) = settings.boolean(value) {
                settings.read_only(yes);
            }
        }
        "restart" => settings.with_text(value, Settings::restart),
        "runtime" => settings.config.runtime = text(settings),
        "security_opt" => settings.each_text(value, Settings::security_option),
        "shm_size" => settings.with_text(value, Settings::shm_size),
        "stdin_open" => settings.config.stdin = settings.boolean(value).unwrap_or_default(),
        "stop_grace_period" => settings.with_text(value, Settings::stop_grace),
        "stop_signal" => settings.with_text(value, Settings::stop_signal),
        "storage_opt" => {
            for (key, value) in settings.entries(value) {
                settings.storage_option(&key, &value.unwrap_or_default());
            }
        }
        "sysctls" => {
            for (key, value) in settings.entries(value) {
                settings.config.sysctls.insert(key, value.unwrap_or_default());
            }
        }
        "tmpfs" => settings.each_text(value, Settings::tmpfs),
        "tty" => settings.config.tty = settings.boolean(value).unwrap_or_default(),
        "ulimits" => ulimits(settings, value),
        "user" => settings.with_text(value, Settings::user),
        "volumes" => volumes::volumes(settings, project, at, value),
        "working_dir" => settings.config.working_dir = text(settings),
        _ => other(settings, at, key, value),
    }
}

/// Lists a key of the service as not carried over: a key without a counterpart in the config, an extension (`x-…`) or
/// an unknown key. A key without a counterpart is not listed if its value is `false`, because `false` is the default.
fn other(settings: &mut Settings<'_>, at: &str, key: &str, value: &Value) {
    let is_off = value::text(value).is_some_and(|text| text == "false");
    match not_supported::key(key) {
        // A flag that is off is the default.
        Some(_) if is_off => {}
        // Its arguments may contain secrets.
        Some(reason) if key == "build" => settings.leave(value::text(value).as_deref(), reason),
        Some(reason) => settings.leave_key(at, value, reason),
        None if key.starts_with("x-") => {
            settings.leave(None, "extensions have no meaning of their own; remove it")
        }
        None => settings.leave(None, "the key is unknown; check its spelling"),
    }
}

fn env_files(settings: &mut Settings<'_>, value: &Value) {
    for file in value::items(value) {
        let path = file.get("path").unwrap_or(file);
        let is_raw = file.get("format").and_then(value::text).as_deref() == Some("raw");
        settings.with_text(path, |settings, path| settings.env_file(path, !is_raw));
    }
}

fn extra_hosts(settings: &mut Settings<'_>, value: &Value) {
    if let Value::Object(hosts) = value {
        for (name, addresses) in hosts {
            settings.each_text(addresses, |settings, address| {
                settings.host_address(name, address)
            });
        }
    } else {
        settings.each_text(value, Settings::extra_host);
    }
}

fn devices(settings: &mut Settings<'_>, value: &Value) {
    for device in value::items(value) {
        let Value::Object(device) = device else {
            settings.with_text(device, Settings::device);
            continue;
        };
        let parts = ["source", "target", "permissions"];
        let parts: Vec<String> = parts
            .iter()
            .filter_map(|key| device.get(*key).and_then(value::text))
            .collect();
        settings.device(&parts.join(":"));
    }
}

fn ulimits(settings: &mut Settings<'_>, value: &Value) {
    let Value::Object(ulimits) = value else {
        return settings.invalid("must be a mapping");
    };
    for (name, limit) in ulimits {
        let part = |key: &str| limit.get(key).and_then(value::text);
        match (part("soft"), part("hard")) {
            (Some(soft), Some(hard)) => settings.ulimit(name, &format!("{soft}:{hard}")),
            _ => settings.with_text(limit, |settings, value| settings.ulimit(name, value)),
        }
    }
}

fn logging(settings: &mut Settings<'_>, at: &str, value: &Value) {
    let Value::Object(logging) = value else {
        return settings.invalid("must be a mapping");
    };
    for (key, value) in logging {
        match key.as_str() {
            "driver" => settings.with_text(value, Settings::log_driver),
            "options" => {
                for (key, value) in settings.entries(value) {
                    settings.log_option(&key, &value.unwrap_or_default());
                }
            }
            _ => settings.leave_key(
                &format!("{at}.{key}"),
                value,
                "the key is unknown; check its spelling",
            ),
        }
    }
}

fn health_check(settings: &mut Settings<'_>, at: &str, value: &Value) {
    let Value::Object(check) = value else {
        return settings.invalid("must be a mapping");
    };
    for (key, value) in check {
        let at = format!("{at}.{key}");
        settings.at(at.as_str());
        match key.as_str() {
            "disable" => {
                if settings.boolean(value) == Some(true) {
                    settings.health_test(HealthTest::Disabled);
                }
            }
            "test" => health_test(settings, value),
            "interval" => settings.with_text(value, |s, text| s.health_time(HealthTime::Interval, text)),
            "timeout" => settings.with_text(value, |s, text| s.health_time(HealthTime::Timeout, text)),
            "start_period" => {
                settings.with_text(value, |s, text| s.health_time(HealthTime::StartPeriod, text))
            }
            "start_interval" => {
                settings.with_text(value, |s, text| s.health_time(HealthTime::StartInterval, text))
            }
            "retries" => settings.with_text(value, Settings::health_retries),
            _ => settings.leave_key(&at, value, "the key is unknown; check its spelling"),
        }
    }
}

fn health_test(settings: &mut Settings<'_>, value: &Value) {
    let Value::Array(_) = value else {
        return settings.with_text(value, |settings, line| {
            settings.health_test(HealthTest::Shell(line.to_owned()))
        });
    };
    let words = settings.command(value);
    match words.split_first() {
        Some((kind, words)) if kind == "CMD" => settings.health_test(HealthTest::Command(words.to_vec())),
        Some((kind, words)) if kind == "CMD-SHELL" => {
            settings.health_test(HealthTest::Shell(words.join(" ")))
        }
        Some((kind, _)) if kind == "NONE" => settings.health_test(HealthTest::Disabled),
        _ => settings.invalid("must begin with `CMD`, `CMD-SHELL` or `NONE`"),
    }
}
