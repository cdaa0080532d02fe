//! Writing an image to an archive in the format of `docker save`.

use bytes::Bytes;
use driver_interface_types::{HealthCheck, HealthTest, ImageRef};
use serde_json::{Value, json};

use super::Image;
use crate::fs::{FileSystem, Tree, pack};

/// Returns an archive that contains `image` under the name `reference`. The archive is split into chunks.
pub(crate) fn saved(image: &Image, reference: &ImageRef) -> Vec<Bytes> {
    let digest = image.digest();
    let (config_name, layer_name) = (format!("{digest}.json"), format!("{digest}/layer.tar"));
    let env: Vec<String> = image
        .env
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let volumes: serde_json::Map<String, Value> = image
        .volumes
        .iter()
        .map(|path| (path.clone(), json!({})))
        .collect();
    let created = image
        .created_at
        .map(|time| humantime::format_rfc3339(time).to_string());
    let config = json!({
        "architecture": "amd64",
        "os": "linux",
        "created": created,
        "config": {
            "Entrypoint": image.entrypoint,
            "Cmd": image.command,
            "Env": env,
            "WorkingDir": image.working_dir,
            "User": image.user,
            "Volumes": volumes,
            "Labels": image.labels,
            "StopSignal": image.stop_signal.map(|signal| signal.to_string()),
            "Healthcheck": image.health_check.as_ref().map(health_check),
        },
    });
    let names = [format!(
        "{}/{}:{}",
        reference.registry(),
        reference.repository(),
        reference.tag().unwrap_or("latest")
    )];
    let manifest = json!([{ "Config": config_name, "RepoTags": names, "Layers": [layer_name] }]);
    let layer = pack(&FileSystem::of_tree(image.root.clone().shared()), "/", ".");
    let mut files = Tree::default();
    files.put("manifest.json", manifest.to_string().into());
    files.put(&config_name, config.to_string().into());
    files.put(&layer_name, layer.concat());
    pack(&FileSystem::of_tree(files.shared()), "/", ".")
}

fn health_check(check: &HealthCheck) -> Value {
    let words = |kind: &str, words: &[String]| -> Vec<String> {
        [kind.to_owned()]
            .into_iter()
            .chain(words.iter().cloned())
            .collect()
    };
    let test = match &check.test {
        HealthTest::Command(command) => words("CMD", command),
        HealthTest::Shell(line) => words("CMD-SHELL", std::slice::from_ref(line)),
        HealthTest::Disabled => words("NONE", &[]),
    };
    let nanos = |time: std::time::Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    json!({
        "Test": test,
        "Interval": nanos(check.interval),
        "Timeout": nanos(check.timeout),
        "StartPeriod": nanos(check.start_period),
        "Retries": check.retries,
    })
}
