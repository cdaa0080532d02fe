//! Creating containers: the driver first checks the whole config, and then creates the container in one step.

use std::sync::Arc;

use driver_interface_errors::{
    ConfigurationError, ContainerCreationError, ContainerNotFoundError, DriverError, Hint,
    NetworkNotFoundError, ResourceLimitError, Result, UnsupportedError, Violation, VolumeNotFoundError,
};
use driver_interface_kit::{CreationKey, Ownership};
use driver_interface_types::{
    ContainerConfig, ContainerId, ContainerInstance, Enforcement, EnforcementReport, EventKind, HealthTest,
    ImageRef, MountType, NetworkMode, Strictness, label,
};
use driver_interface_validation::validate_container_config_with;
use tokio::sync::watch;

use super::answer::Refusal;
use super::{Call, MockDriver};
use crate::Operation;
use crate::engine::{Attachment, Container, Image, LogStore, Phase, State, Stdin, host_address};
use crate::profile::Kind;

impl<K: Kind> MockDriver<K> {
    pub(super) async fn create(&self, config: &ContainerConfig) -> Result<ContainerInstance> {
        let mut call = Call::new(Operation::CreateContainer).summary(summary_of(config));
        if let Some(name) = &config.name {
            call = call.on(name);
        }
        let work = async {
            let key = CreationKey::of(config, || self.random_text());
            if let Some(created) = self.created_before(&self.core.engine.state(), config, &key)? {
                return Ok(created);
            }
            let image = ImageRef::new(&config.image)?;
            self.ensure_image(&image, config).await?;
            self.commit(config, &key, &image)
        };
        self.call(call, || self.check(config), work).await
    }

    /// Checks everything in the config that can be checked without the engine.
    fn check(&self, config: &ContainerConfig) -> Result<()> {
        let violations = self.violations(config);
        if !violations.is_empty() {
            return Err(ConfigurationError::new(violations).into());
        }
        config.require(&self.core.capabilities)?;
        let cpu = config.resources.cpu;
        if cpu > K::PROFILE.max_cpu {
            return Err(ResourceLimitError::new("cpu", K::PROFILE.max_cpu, cpu).into());
        }
        if config.strictness == Strictness::Require
            && let Some(warning) = Self::enforcement(config).warnings().first()
        {
            let reason = format!("{}: {}", warning.path, warning.message);
            return Err(UnsupportedError::new("create_container", reason).into());
        }
        Ok(())
    }

    /// Returns the violations that validation finds in the config. Some validation rules apply only to this kind of
    /// driver.
    pub(super) fn violations(&self, config: &ContainerConfig) -> Vec<Violation> {
        let mut violations = match validate_container_config_with(config, &self.core.options.policy) {
            Ok(()) => Vec::new(),
            Err(error) => error.violations().to_vec(),
        };
        if config.security.read_only && !K::PROFILE.writable_mounts_in_read_only {
            let writable = config
                .volumes
                .iter()
                .enumerate()
                .filter(|(_, mount)| !mount.read_only);
            violations.extend(writable.map(|(index, _)| {
                let message = "must be true: this driver does not support writable mounts in a container whose \
                               root file system is read-only (`security.readOnly`)";
                Violation::new(format!("volumes[{index}].readOnly"), "writable-mount-in-read-only", message)
            }));
        }
        violations
    }

    /// Reports how a simulated container enforces the limits and security options of `config`.
    pub(super) fn enforcement(config: &ContainerConfig) -> EnforcementReport {
        let mut report = Self::guarantees();
        if config.resources.disk.is_none() {
            report.disk = Enforcement::Enforced;
        }
        report
    }

    /// Returns the container that an earlier call with this key created, or `None` if no such container exists.
    fn created_before(
        &self,
        state: &State,
        config: &ContainerConfig,
        key: &CreationKey,
    ) -> Result<Option<ContainerInstance>> {
        let own = state.labelled(self.namespace(), &[(label::OPERATION, key.as_str())]);
        let Some(container) = own.first() else {
            return Ok(None);
        };
        key.check_config(config, &container.labels)?;
        Ok(container.instance())
    }

    /// Atomically creates the container. If an earlier call with this key created the container, returns that
    /// container.
    fn commit(
        &self,
        config: &ContainerConfig,
        key: &CreationKey,
        image: &ImageRef,
    ) -> Result<ContainerInstance> {
        let engine = &self.core.engine;
        let mut state = engine.state();
        if let Some(created) = self.created_before(&state, config, key)? {
            return Ok(created);
        }
        let name = key.container_name(config, self.namespace());
        if let Some(holder) = state.containers.named(&name) {
            let answer = Refusal::NameTaken {
                name: name.clone(),
                by: holder.id.to_string(),
            }
            .answer::<K>();
            return Err(ContainerCreationError::new(format!("name `{name}` is taken"))
                .with_hint(Hint::NameTaken)
                .with_source(answer)
                .into());
        }
        self.check_volumes(&state, config)?;
        let attachment = |name: &str, aliases: &[String]| {
            let found = state.named_network(self.namespace(), name);
            let missing = || NetworkNotFoundError::new(name).with_hint(Hint::MissingNetwork);
            Ok::<_, DriverError>(Attachment {
                network: found.ok_or_else(missing)?.network.id.clone(),
                aliases: aliases.to_vec(),
            })
        };
        let mut networks = Vec::new();
        if let NetworkMode::Named(required) = &config.network {
            networks.push(attachment(required, &config.network_aliases)?);
        }
        for (name, options) in &config.networks {
            networks.push(attachment(name, &options.aliases)?);
        }
        let found = state.images.get(image).cloned();
        let Some(found) = found else {
            return Err(super::images::no_such_image::<K>(image));
        };
        let command = full_command(config, &found);
        if command.is_empty() {
            return Err(
                ContainerCreationError::new("neither the config nor the image defines a command")
                    .with_hint(Hint::NoCommand)
                    .with_source(Refusal::NoCommand.answer::<K>())
                    .into(),
            );
        }
        let id = ContainerId::new(state.new_id())?;
        let mut config_kept = with_image(config, &found);
        config_kept.security.user = config_kept.security.user.or(found.user);
        let mut root = found.root;
        let own_name = || id.as_str().chars().take(12).collect();
        let hostname = config.hostname.clone().unwrap_or_else(own_name);
        root.put("etc/hostname", format!("{hostname}\n").into_bytes());
        root.put("etc/hosts", hosts_file(config, &hostname).into_bytes());
        root.put("etc/resolv.conf", resolver_file(config).into_bytes());
        let enforcement = Self::enforcement(config);
        let container = Container {
            id: id.clone(),
            name,
            config: config_kept,
            labels: self.ownership().container_labels(config, key),
            created_at: state.creation_time(engine.clock()),
            image: found.number,
            networks,
            command,
            working_dir: config.working_dir.clone().unwrap_or(found.working_dir),
            env: found.env,
            root: root.shared(),
            logs: Arc::new(LogStore::new(engine.clock().clone())),
            stdin: Stdin::new(config.stdin, config.tty),
            warnings: enforcement.warnings(),
            phase: Phase::Created,
            started_at: None,
            healthy: true,
            health: None,
            enforcement,
            changed: watch::Sender::default(),
        };
        let instance = container.instance();
        state
            .events
            .emit(&container, EventKind::Created, None, container.created_at);
        state.containers.insert(container);
        instance.ok_or_else(|| ContainerNotFoundError::new(id.as_str()).into())
    }

    fn check_volumes(&self, state: &State, config: &ContainerConfig) -> Result<()> {
        for mount in config
            .volumes
            .iter()
            .filter(|mount| mount.mount_type() == MountType::Volume)
        {
            if state.volume(self.namespace(), &mount.source).is_none() {
                return Err(VolumeNotFoundError::new(&mount.source)
                    .with_hint(Hint::MissingMountSource)
                    .into());
            }
        }
        Ok(())
    }

    /// Returns the ownership of the resources that this driver creates.
    pub(super) fn ownership(&self) -> Ownership {
        let options = &self.core.options;
        let owner = format!("{}.{}.{:x}", K::PROFILE.name, std::process::id(), options.seed);
        Ownership::new(options.namespace.clone(), owner)
    }
}

/// Returns the command line that a container runs: the entrypoint followed by the command. The config's entrypoint
/// and command replace those of the image. If the config sets an entrypoint, even an empty entrypoint, the image's
/// command is not used.
fn full_command(config: &ContainerConfig, image: &Image) -> Vec<String> {
    let entrypoint = config.entrypoint.as_ref().unwrap_or(&image.entrypoint);
    let command = if config.command.is_empty() && config.entrypoint.is_none() {
        &image.command
    } else {
        &config.command
    };
    entrypoint.iter().chain(command).cloned().collect()
}

/// Returns the config with the image's stop signal, working directory and health check added where the config does
/// not set its own.
pub(super) fn with_image(config: &ContainerConfig, image: &Image) -> ContainerConfig {
    let mut full = config.clone();
    full.stop_signal = full.stop_signal.or(image.stop_signal);
    full.working_dir.get_or_insert_with(|| image.working_dir.clone());
    full.health_check = full
        .health_check
        .or_else(|| image.health_check.clone())
        .filter(|check| check.test != HealthTest::Disabled);
    full
}

fn hosts_file(config: &ContainerConfig, hostname: &str) -> String {
    let mut text = format!("127.0.0.1\tlocalhost\n::1\tlocalhost\n127.0.1.1\t{hostname}\n");
    for (name, address) in &config.extra_hosts {
        text.push_str(&format!("{}\t{name}\n", host_address(*address)));
    }
    text
}

fn resolver_file(config: &ContainerConfig) -> String {
    let servers = config.dns.iter().map(ToString::to_string);
    let mut lines: Vec<String> = servers.map(|server| format!("nameserver {server}")).collect();
    if lines.is_empty() {
        lines.push("nameserver 127.0.0.11".to_owned());
    }
    for (word, values) in [("search", &config.dns_search), ("options", &config.dns_options)] {
        if !values.is_empty() {
            lines.push(format!("{word} {}", values.join(" ")));
        }
    }
    lines.join("\n") + "\n"
}

/// Returns a summary of a config for the recorded call. It contains no secrets.
pub(super) fn summary_of(config: &ContainerConfig) -> String {
    let program = config
        .command
        .first()
        .map_or("the image's command", String::as_str);
    let more = config.command.len().saturating_sub(1);
    let program = program.rsplit('/').next().unwrap_or(program);
    format!(
        "session {}, image {}, command {program} and {more} more words, {} environment variables, {} mounts",
        config.session_id,
        config.image,
        config.env.len(),
        config.volumes.len()
    )
}
