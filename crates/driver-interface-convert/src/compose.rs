//! The conversion of one service of a compose file.

mod deploy;
mod networks;
mod service;
mod value;
mod volumes;

use driver_interface_errors::ConfigurationError;
use serde_json::{Map, Value};

use crate::settings::Settings;
use crate::{Conversion, ConvertOptions};

/// The parts of a compose file that the conversion of one service needs. Variables are already replaced by their
/// values.
pub(crate) struct Project {
    /// The project's name. The names of volumes and networks on the engine begin with this name.
    name: String,
    service: String,
    volumes: Map<String, Value>,
    networks: Map<String, Value>,
}

/// Converts the service named `service` of a compose file.
pub(crate) fn convert(
    options: &ConvertOptions,
    session: String,
    yaml: &str,
    service: &str,
) -> Result<Conversion, ConfigurationError> {
    let mut settings = Settings::new(options, session);
    settings.at("file");
    let mut file = match parse(yaml) {
        Ok(Value::Object(file)) => file,
        Ok(_) => return Err(settings.fail("must be a mapping with the key `services`")),
        Err(message) => return Err(settings.fail(message)),
    };
    let mut services = section(&mut settings, &mut file, "services");
    let Some(mut keys) = services.remove(service) else {
        let names: Vec<&str> = services.keys().map(String::as_str).collect();
        let mut message = format!("has no service `{service}`; it has: {}", names.join(", "));
        if file.contains_key("include") {
            message.push_str(
                "; included files are not read: convert the output of `docker compose config` instead",
            );
        }
        return Err(settings.at("services").fail(message));
    };
    value::interpolate(&mut settings, &format!("services.{service}"), &mut keys);
    let mut sections = ["volumes", "networks"].map(|name| section(&mut settings, &mut file, name));
    for (name, section) in ["volumes", "networks"].into_iter().zip(&mut sections) {
        for (key, value) in section.iter_mut() {
            value::interpolate(&mut settings, &format!("{name}.{key}"), value);
        }
    }
    let [volumes, networks] = sections;
    let project = Project {
        name: project_name(&mut settings, &mut file),
        service: service.to_owned(),
        volumes,
        networks,
    };
    settings.volume_prefix = vec![project.name.clone(), service.to_owned()];
    settings.detach = true;
    match keys {
        Value::Object(keys) => service::apply(&mut settings, &project, &keys),
        _ => settings
            .at(format!("services.{service}"))
            .invalid("must be a mapping"),
    }
    settings.finish()
}

/// Parses YAML, including anchors and merge keys. The error message quotes no text of the file, because the file may
/// contain secrets.
fn parse(yaml: &str) -> Result<Value, String> {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        legacy_octal_numbers: true,
        reject_non_finite_typeless_float: false,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(yaml, options).map_err(|error| match error.location() {
        Some(at) => format!("is not valid YAML at line {}, column {}", at.line(), at.column()),
        None => "is not valid YAML".to_owned(),
    })
}

/// Removes the top-level section `name` from the file, and returns the section. A missing section counts as empty.
fn section(settings: &mut Settings<'_>, file: &mut Map<String, Value>, name: &str) -> Map<String, Value> {
    match file.remove(name) {
        Some(Value::Object(section)) => section,
        None | Some(Value::Null) => Map::new(),
        Some(_) => {
            settings.at(name).invalid("must be a mapping");
            Map::new()
        }
    }
}

fn project_name(settings: &mut Settings<'_>, file: &mut Map<String, Value>) -> String {
    let own = settings.options.project.clone();
    let mut name = file.remove("name").unwrap_or_default();
    value::interpolate(settings, "name", &mut name);
    own.or_else(|| value::text(&name))
        .unwrap_or_else(|| settings.config.session_id.clone())
}

impl Project {
    /// Returns the name on the engine of the volume or network with the key `key`, and whether the resource is
    /// external. An external resource already exists, so it need not be created.
    fn resource(&self, key: &str, resource: Option<&Value>) -> (String, bool) {
        let field = |name: &str| resource.and_then(|resource| resource.get(name));
        let external = field("external");
        // The name in `external` is an older form.
        let name = field("name").or_else(|| external.and_then(|external| external.get("name")));
        let is_external = match external {
            Some(Value::Object(_)) => true,
            Some(value) => value::text(value).as_deref() == Some("true"),
            None => false,
        };
        let name = match name.and_then(value::text) {
            Some(name) => name,
            None if is_external => key.to_owned(),
            None => format!("{}_{key}", self.name),
        };
        (name, is_external)
    }
}

#[cfg(test)]
mod tests;
