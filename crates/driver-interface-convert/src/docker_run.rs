//! The conversion of the flags of `docker run` and `docker create`.

mod line;
#[cfg(test)]
mod tests;

use driver_interface_errors::ConfigurationError;
use driver_interface_types::{HealthTest, NetworkConfig, NetworkConnectOptions};
use lexopt::{Arg, Parser};

use crate::settings::{HealthTime, MountSettings, Settings};
use crate::{Conversion, ConvertOptions, not_supported, text};

pub(crate) use line::split;

/// The short flags with their long names.
const SHORT: &[(char, &str)] = &[
    ('a', "attach"),
    ('c', "cpu-shares"),
    ('d', "detach"),
    ('e', "env"),
    ('h', "hostname"),
    ('i', "interactive"),
    ('l', "label"),
    ('m', "memory"),
    ('p', "publish"),
    ('P', "publish-all"),
    ('q', "quiet"),
    ('t', "tty"),
    ('u', "user"),
    ('v', "volume"),
    ('w', "workdir"),
];

/// The boolean flags. Such a flag needs no value.
const BOOLEAN: &[&str] = &[
    "detach", "disable-content-trust", "init", "interactive", "no-healthcheck", "oom-kill-disable",
    "privileged", "publish-all", "quiet", "read-only", "rm", "sig-proxy", "tty", "use-api-socket",
];

/// Converts a `docker run` command that is already split into words.
pub(crate) fn convert(
    options: &ConvertOptions,
    session: String,
    words: Vec<String>,
) -> Result<Conversion, ConfigurationError> {
    let mut run = Run {
        settings: Settings::new(options, session),
        networks: Vec::new(),
        aliases: Vec::new(),
    };
    let words = match arguments(&words) {
        Some(words) => words,
        None => {
            let message = "must begin with `docker run` or `docker create`, without options before `run`";
            return Err(run.settings.at("line").fail(message));
        }
    };
    let mut parser = Parser::from_args(words);
    loop {
        let (name, is_long) = match parser.next() {
            Ok(Some(Arg::Long(name))) => (name.to_owned(), true),
            Ok(Some(Arg::Short(short))) => match SHORT.iter().find(|(c, _)| *c == short) {
                Some((_, name)) => ((*name).to_owned(), false),
                None => return Err(unknown(&mut run.settings, &format!("-{short}"))),
            },
            Ok(Some(Arg::Value(image))) => {
                run.settings.config.image = image.to_string_lossy().into_owned();
                break;
            }
            Ok(None) => return Err(run.settings.at("image").fail("is missing after the flags")),
            Err(error) => return Err(run.settings.at("line").fail(error.to_string())),
        };
        let flag = format!("--{name}");
        run.settings.at(flag.as_str());
        if BOOLEAN.contains(&name.as_str()) {
            // After a short flag, the rest of the word consists of further flags, as in `-it`.
            let value = if is_long { parser.optional_value() } else { None };
            let value = value.map_or_else(|| "true".into(), |value| value.to_string_lossy().into_owned());
            if let Some(yes) = run.settings.flag(&value) {
                run.boolean(&name, yes);
            }
            continue;
        }
        let value = parser.value().ok();
        let text = value.as_deref().unwrap_or_default().to_string_lossy();
        if !run.apply(&name, &text) {
            return Err(unknown(&mut run.settings, &flag));
        }
        if value.is_none() {
            return Err(run.settings.fail("needs a value"));
        }
    }
    if let Ok(rest) = parser.raw_args() {
        run.settings.config.command = rest.map(|word| word.to_string_lossy().into_owned()).collect();
    }
    run.finish()
}

/// Returns the words after `docker run` or `docker create`. Returns `None` if the words are another command. The word
/// `docker` may be missing.
fn arguments(words: &[String]) -> Option<&[String]> {
    let mut words = words;
    for optional in [
        &["$", "sudo"][..],
        &["sudo"],
        &["docker", "podman", "nerdctl"],
        &["container"],
    ] {
        match words.split_first() {
            Some((first, rest)) if optional.contains(&first.as_str()) => words = rest,
            _ => {}
        }
    }
    let (first, rest) = words.split_first()?;
    ["run", "create"].contains(&first.as_str()).then_some(rest)
}

fn unknown(settings: &mut Settings<'_>, flag: &str) -> ConfigurationError {
    settings
        .at(flag)
        .fail(format!("`docker run` has no flag `{flag}`"))
}

/// The settings of the flags read so far. Networks and aliases are stored separately, and applied after all flags
/// have been read.
struct Run<'a> {
    settings: Settings<'a>,
    networks: Vec<(String, NetworkConnectOptions)>,
    aliases: Vec<String>,
}

impl Run<'_> {
    /// Applies the boolean flag `name` with the value `yes`.
    fn boolean(&mut self, name: &str, yes: bool) {
        let settings = &mut self.settings;
        match name {
            "detach" => settings.detach = yes,
            "init" => settings.config.init = Some(yes),
            "interactive" => settings.config.stdin = yes,
            "no-healthcheck" if yes => settings.health_test(HealthTest::Disabled),
            "read-only" => settings.read_only(yes),
            "rm" => settings.auto_remove = yes,
            "tty" => settings.config.tty = yes,
            // These are on by default.
            "sig-proxy" | "disable-content-trust" if yes => {}
            _ if yes || matches!(name, "sig-proxy" | "disable-content-trust") => {
                self.leave(name, Some("false").filter(|_| !yes));
            }
            _ => {}
        }
    }

    /// If `docker run` has the flag `name` but a config has no counterpart, lists the flag as not carried over and
    /// returns `true`. Returns `false` for any other flag.
    fn leave(&mut self, name: &str, value: Option<&str>) -> bool {
        let reason = not_supported::flag(name).filter(|_| !name.is_empty());
        reason.map(|reason| self.settings.leave(value, reason)).is_some()
    }

    /// Applies the flag `name` with its value. Returns `false` if `docker run` has no such flag.
    fn apply(&mut self, name: &str, value: &str) -> bool {
        let settings = &mut self.settings;
        match name {
            "add-host" => settings.extra_host(value),
            "annotation" => settings.annotation(value),
            "cap-add" => settings.add_capability(value),
            "cap-drop" => settings.drop_capability(value),
            "cpu-period" => settings.cpu_period(value),
            "cpu-quota" => settings.cpu_quota(value),
            "cpu-shares" => settings.cpu_shares(value),
            "cpus" => settings.cpus(value),
            "cpuset-cpus" => settings.config.cpuset = Some(value.to_owned()),
            "device" => settings.device(value),
            "dns" => settings.dns(value),
            "dns-opt" | "dns-option" => settings.config.dns_options.push(value.to_owned()),
            "dns-search" => settings.config.dns_search.push(value.to_owned()),
            "entrypoint" => {
                let words = Some(value.to_owned()).filter(|word| !word.is_empty());
                settings.config.entrypoint = Some(words.into_iter().collect());
            }
            "env" => {
                let (key, value) = text::key_value(value);
                settings.env(key, value);
            }
            "env-file" => settings.env_file(value, false),
            "gpus" => settings.gpus(value),
            "group-add" => settings.config.groups.push(value.to_owned()),
            "health-cmd" => settings.health_test(HealthTest::Shell(value.to_owned())),
            "health-interval" => settings.health_time(HealthTime::Interval, value),
            "health-retries" => settings.health_retries(value),
            "health-start-interval" => settings.health_time(HealthTime::StartInterval, value),
            "health-start-period" => settings.health_time(HealthTime::StartPeriod, value),
            "health-timeout" => settings.health_time(HealthTime::Timeout, value),
            "hostname" => settings.config.hostname = Some(value.to_owned()),
            "ip" | "ip6" => settings.main_address(value),
            "label" => {
                let (key, value) = text::key_value(value);
                settings.label(key, value);
            }
            "label-file" => settings.label_file(value),
            "log-driver" => settings.log_driver(value),
            "log-opt" => {
                if let Some((key, value)) = settings.entry(value) {
                    settings.log_option(key, value);
                }
            }
            "memory" => settings.memory(value),
            "memory-reservation" => settings.memory_reservation(value),
            "memory-swap" => settings.memory_swap(value),
            "mount" => self.mount(value),
            "name" => settings.config.name = Some(value.to_owned()),
            "net" | "network" => self.network(value),
            "net-alias" | "network-alias" => self.aliases.push(value.to_owned()),
            "pids-limit" => settings.pids(value),
            "platform" => settings.config.platform = Some(value.to_owned()),
            "publish" => settings.publish(value),
            "pull" => settings.pull(value),
            "restart" => settings.restart(value),
            "runtime" => settings.config.runtime = Some(value.to_owned()),
            "security-opt" => settings.security_option(value),
            "shm-size" => settings.shm_size(value),
            "stop-signal" => settings.stop_signal(value),
            "stop-timeout" => settings.stop_seconds(value),
            "storage-opt" => {
                if let Some((key, value)) = settings.entry(value) {
                    settings.storage_option(key, value);
                }
            }
            "sysctl" => settings.sysctl(value),
            "tmpfs" => settings.tmpfs(value),
            "ulimit" => settings.ulimit_entry(value),
            "user" => settings.user(value),
            "volume" => {
                if let Some(mount) = settings.short_mount(value) {
                    settings.mount(mount);
                }
            }
            "volume-driver" => settings.volume_driver = Some(value.to_owned()),
            "workdir" => settings.config.working_dir = Some(value.to_owned()),
            _ => return self.leave(name, Some(value)),
        }
        true
    }

    /// Applies the value of `--network`: a network's name, or fields such as `name=backend,alias=web,ip=10.0.0.7`.
    fn network(&mut self, value: &str) {
        let settings = &mut self.settings;
        let mut options = NetworkConnectOptions::default();
        let mut name = value.to_owned();
        if value.contains('=') {
            name.clear();
            for field in settings.valid(text::comma_separated(value)).unwrap_or_default() {
                match text::key_value(&field) {
                    ("name", Some(value)) => name = value.to_owned(),
                    ("alias", Some(alias)) => options.aliases.push(alias.to_owned()),
                    ("ip" | "ip6", Some(address)) => settings.network_address(&mut options, address),
                    (key, _) => settings.leave(Some(key), "the option is not supported; remove it"),
                }
            }
        }
        if !settings.network_mode(&name) {
            self.networks.push((name, options));
        }
    }

    /// Applies the fields of `--mount`, such as `type=bind,source=/srv,target=/src,readonly`.
    fn mount(&mut self, value: &str) {
        let settings = &mut self.settings;
        let mut mount = MountSettings {
            kind: "volume".to_owned(),
            ..MountSettings::default()
        };
        for field in settings.valid(text::comma_separated(value)).unwrap_or_default() {
            let (key, value) = text::key_value(&field);
            let yes = || text::boolean(value.unwrap_or("true"));
            let text = value.unwrap_or_default().to_owned();
            match key {
                "type" => mount.kind = text.to_ascii_lowercase(),
                "source" | "src" => mount.source = Some(text),
                "target" | "dst" | "destination" => mount.target = text,
                "readonly" | "ro" => mount.read_only = settings.valid(yes()).unwrap_or_default(),
                "bind-propagation" => mount.propagation = Some(text),
                "volume-subpath" => mount.subpath = Some(text),
                "volume-nocopy" => mount.no_copy = settings.valid(yes()).unwrap_or_default(),
                "volume-driver" => mount.driver = Some(text),
                "volume-label" | "volume-opt" => {
                    let (name, value) = text::key_value(&text);
                    let map = if key == "volume-opt" {
                        &mut mount.options
                    } else {
                        &mut mount.labels
                    };
                    map.insert(name.to_owned(), value.unwrap_or_default().to_owned());
                }
                "tmpfs-size" => mount.tmpfs_size = Some(text),
                "tmpfs-mode" => mount.tmpfs_mode = settings.octal(&text),
                "consistency" => {}
                "bind-recursive" if text == "enabled" => {}
                "bind-create-src" | "bind-nonrecursive" | "bind-recursive" | "image-subpath" => {
                    settings.leave(Some(key), "the option is not supported; remove it");
                }
                _ => settings.invalid(format!("has an unknown field {key:?}")),
            }
        }
        settings.mount(mount);
    }

    fn finish(self) -> Result<Conversion, ConfigurationError> {
        let Self {
            mut settings,
            networks,
            aliases,
        } = self;
        for (name, options) in networks {
            let network = NetworkConfig::new(&name).session(&settings.config.session_id);
            settings.networks.push(network);
            settings.connect(&name, options);
        }
        settings.config.network_aliases.extend(aliases);
        settings.finish()
    }
}
