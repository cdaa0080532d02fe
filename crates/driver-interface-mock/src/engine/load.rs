//! Reading images from an archive in the format of `docker save`.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use driver_interface_types::{HealthCheck, HealthTest, ImageRef};
use serde_json::Value;

use super::Image;
use crate::fs::{Entries, EntryKind, Tree, absolute, apply_layer};

/// A description of the problem with an archive.
type Problem = String;

/// Returns the images in an archive, each with its names. Images without a name are skipped.
pub(crate) fn read_images(archive: &Bytes) -> Result<Vec<(Vec<ImageRef>, Image)>, Problem> {
    let mut files: BTreeMap<String, Bytes> = BTreeMap::new();
    for entry in Entries::new(archive) {
        let entry = entry?;
        let name = absolute("/", &entry.name);
        match entry.kind {
            EntryKind::File(data) => {
                files.insert(name, data);
            }
            // In older archives, a layer can be a link to the same layer of another image.
            EntryKind::Link(target) => {
                let directory = name.rsplit_once('/').map_or("", |(directory, _)| directory);
                if let Some(data) = files.get(&absolute(&format!("/{directory}"), &target)).cloned() {
                    files.insert(name, data);
                }
            }
            _ => {}
        }
    }
    let file = |name: &str| {
        let found = files.get(&absolute("/", name));
        found.ok_or_else(|| format!("`{name}` is missing"))
    };
    let json = |name: &str| {
        serde_json::from_slice::<Value>(file(name)?)
            .map_err(|error| format!("`{name}` cannot be read: {error}"))
    };
    let manifest = json("manifest.json")?;
    let images = manifest.as_array().ok_or("`manifest.json` is not a list")?;
    let mut found = Vec::new();
    for image in images {
        let config_name = image
            .get("Config")
            .and_then(Value::as_str)
            .ok_or("an image has no `Config`")?;
        let config = json(config_name)?;
        let mut root = Tree::default();
        let mut size = 0;
        for layer in texts(image.get("Layers")) {
            let data = file(&layer)?;
            if data.starts_with(&[0x1f, 0x8b]) || data.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
                return Err(format!(
                    "layer `{layer}` is compressed, which a simulated engine does not support"
                ));
            }
            size += data.len() as u64;
            apply_layer(&mut root, data).map_err(|problem| format!("layer `{layer}`: {problem}"))?;
        }
        let names = texts(image.get("RepoTags"));
        let names: Vec<ImageRef> = names
            .iter()
            .map(|name| ImageRef::new(name.as_str()).map_err(|error| error.to_string()))
            .collect::<Result<_, Problem>>()?;
        let Some(first) = names.first() else { continue };
        let mut image = described(Image::new(first.clone(), root), &config);
        image.digest = digest_of(config_name);
        image.size = size;
        found.push((names, image));
    }
    Ok(found)
}

/// Returns the digest that the file name of an image configuration contains. The name has the form `<hex>.json` or
/// `blobs/sha256/<hex>`. Returns `None` for any other name.
fn digest_of(config_name: &str) -> Option<String> {
    let name = config_name.rsplit('/').next()?;
    let digits = name.strip_suffix(".json").unwrap_or(name);
    let is_digest = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_digest.then(|| digits.to_ascii_lowercase())
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array);
    let texts = items.into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

/// Returns `image` with the settings that the image configuration `config` contains.
fn described(mut image: Image, config: &Value) -> Image {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    image.created_at = text(config.get("created")).and_then(|time| humantime::parse_rfc3339(&time).ok());
    let Some(run) = config.get("config") else {
        return image;
    };
    image.entrypoint = texts(run.get("Entrypoint"));
    image.command = texts(run.get("Cmd"));
    let env = texts(run.get("Env"));
    let pairs = env.iter().filter_map(|pair| pair.split_once('='));
    image.env = pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    if let Some(directory) = text(run.get("WorkingDir")).filter(|directory| !directory.is_empty()) {
        image.working_dir = directory;
    }
    image.user = text(run.get("User")).filter(|user| !user.is_empty());
    let volumes = run.get("Volumes").and_then(Value::as_object);
    image.volumes = volumes
        .into_iter()
        .flatten()
        .map(|(path, _)| path.clone())
        .collect();
    let labels = run.get("Labels").and_then(Value::as_object);
    let labels = labels.into_iter().flatten();
    image.labels = labels
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect();
    image.stop_signal = text(run.get("StopSignal")).and_then(|signal| signal.parse().ok());
    image.health_check = run.get("Healthcheck").and_then(health_check);
    image
}

fn health_check(value: &Value) -> Option<HealthCheck> {
    let words = texts(value.get("Test"));
    let test = match words.split_first()? {
        (kind, words) if kind == "CMD" => HealthTest::Command(words.to_vec()),
        (kind, [line]) if kind == "CMD-SHELL" => HealthTest::Shell(line.clone()),
        _ => return None,
    };
    let mut check = HealthCheck::new(test);
    let time = |name| {
        value
            .get(name)
            .and_then(Value::as_u64)
            .filter(|nanos| *nanos > 0)
            .map(Duration::from_nanos)
    };
    check.interval = time("Interval").unwrap_or(check.interval);
    check.timeout = time("Timeout").unwrap_or(check.timeout);
    check.start_period = time("StartPeriod").unwrap_or(check.start_period);
    let retries = value
        .get("Retries")
        .and_then(Value::as_u64)
        .filter(|count| *count > 0);
    check.retries = retries
        .and_then(|count| u32::try_from(count).ok())
        .unwrap_or(check.retries);
    Some(check)
}
