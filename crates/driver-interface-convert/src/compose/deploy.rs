//! Applies the section `deploy` of a service, and requests for GPUs.

use driver_interface_types::GpuRequest;
use serde_json::{Map, Value};

use super::{Project, value};
use crate::settings::Settings;

const SWARM: &str = "it concerns only swarms; the caller decides how many containers run, and where";

/// Applies the limits and the restart policy of the section `deploy`. If another key of the service sets a limit or
/// the restart policy, that key takes precedence.
pub(crate) fn apply(
    settings: &mut Settings<'_>,
    project: &Project,
    service: &Map<String, Value>,
    deploy: &Value,
) {
    let at = format!("services.{}.deploy", project.service);
    let Some(deploy) = mapping(settings, &at, deploy) else {
        return;
    };
    for (key, value) in deploy {
        let at = format!("{at}.{key}");
        match key.as_str() {
            "resources" => resources(settings, &at, service, value),
            "restart_policy" if service.contains_key("restart") => {}
            "restart_policy" => restart_policy(settings, &at, value),
            "replicas" if value::text(value).as_deref() == Some("1") => {}
            // Labels of a swarm's service, not of its containers.
            _ => settings.leave_key(&at, value, SWARM),
        }
    }
}

fn mapping<'v>(settings: &mut Settings<'_>, at: &str, value: &'v Value) -> Option<&'v Map<String, Value>> {
    match value {
        Value::Object(map) => return Some(map),
        Value::Null => {}
        _ => settings.at(at).invalid("must be a mapping"),
    }
    None
}

fn resources(settings: &mut Settings<'_>, at: &str, service: &Map<String, Value>, value: &Value) {
    for (section, limits) in mapping(settings, at, value).into_iter().flatten() {
        let at = format!("{at}.{section}");
        for (key, value) in mapping(settings, &at, limits).into_iter().flatten() {
            let at = format!("{at}.{key}");
            settings.at(at.as_str());
            let unless_set = |own: &str| !service.contains_key(own);
            match (section.as_str(), key.as_str()) {
                ("limits", "cpus") if unless_set("cpus") => settings.with_text(value, Settings::cpus),
                ("limits", "memory") if unless_set("mem_limit") => {
                    settings.with_text(value, Settings::memory)
                }
                ("limits", "pids") if unless_set("pids_limit") => settings.with_text(value, Settings::pids),
                ("reservations", "memory") if unless_set("mem_reservation") => {
                    settings.with_text(value, Settings::memory_reservation);
                }
                ("reservations", "devices") => gpus(settings, &at, value),
                ("limits", "cpus" | "memory" | "pids") | ("reservations", "memory") => {
                    settings.leave_key(&at, value, "the service sets the same limit itself");
                }
                ("reservations", _) => {
                    settings.leave_key(&at, value, "only memory and devices can be reserved; set a limit");
                }
                _ => settings.leave_key(&at, value, "the key is unknown; check its spelling"),
            }
        }
    }
}

/// Applies requests for GPUs: the text `all`, or a list of requests. The service's key `gpus` and the section
/// `deploy` both have this form.
pub(crate) fn gpus(settings: &mut Settings<'_>, at: &str, value: &Value) {
    for (index, request) in value::items(value).iter().enumerate() {
        settings.at(format!("{at}[{index}]"));
        let Value::Object(fields) = request else {
            settings.with_text(request, Settings::gpus);
            continue;
        };
        let field = |name: &str| fields.get(name).unwrap_or(&Value::Null);
        let texts = |name: &str| -> Vec<String> {
            value::items(field(name)).iter().filter_map(value::text).collect()
        };
        let driver = value::text(field("driver"));
        let capabilities = texts("capabilities");
        let is_gpu = at.ends_with(".gpus") || capabilities.iter().any(|name| name == "gpu");
        if !is_gpu && driver.as_deref() != Some("cdi") {
            settings.leave(
                Some(&capabilities.join(", ")),
                "only GPUs can be reserved; list the device in `devices`",
            );
            continue;
        }
        let mut gpus = GpuRequest::devices(texts("device_ids"));
        gpus.driver = driver;
        if let Some(count) = value::text(field("count")) {
            settings.gpu_count(&mut gpus, &count);
        }
        settings.gpu_capabilities(capabilities.iter().map(String::as_str));
        if !value::is_empty(field("options")) {
            settings.leave(None, "the GPU driver's options are not supported; remove them");
        }
        settings.gpu_request(gpus);
    }
}

fn restart_policy(settings: &mut Settings<'_>, at: &str, value: &Value) {
    for (key, value) in mapping(settings, at, value).into_iter().flatten() {
        let at = format!("{at}.{key}");
        match key.as_str() {
            "condition" => settings
                .at(at)
                .with_text(value, |settings, condition| match condition {
                    "none" => settings.restart("no"),
                    "any" => settings.restart("always"),
                    other => settings.restart(other),
                }),
            "max_attempts" => {}
            _ => settings.leave_key(&at, value, "the engine chooses the pauses between restarts"),
        }
    }
    let field = |name: &str| value.get(name).and_then(value::text);
    if let (Some("on-failure"), Some(count)) = (field("condition").as_deref(), field("max_attempts")) {
        settings
            .at(format!("{at}.max_attempts"))
            .restart(&format!("on-failure:{count}"));
    }
}
