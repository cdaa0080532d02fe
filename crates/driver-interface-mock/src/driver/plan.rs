//! Planning the creation of a container without creating it.

use driver_interface_errors::Result;
use driver_interface_types::{
    ContainerConfig, CreationPlan, ImageRef, MountType, PullPolicy, Strictness, Warning, label,
};

use super::create::with_image;
use super::{Call, MockDriver};
use crate::Operation;
use crate::profile::Kind;

impl<K: Kind> MockDriver<K> {
    pub(super) async fn plan_creation(&self, config: &ContainerConfig) -> Result<CreationPlan> {
        let call = Call::new(Operation::Plan).summary(super::create::summary_of(config));
        let work = async {
            let mut plan = CreationPlan::new(self.filled_in(config), Self::enforcement(config));
            plan.warnings = plan.enforcement.warnings();
            plan.refusals = self.refused(config);
            if plan.refusals.is_empty() {
                plan.refusals = self.missing(config);
                let image = ImageRef::new(&config.image).ok();
                let found = image.and_then(|image| self.core.engine.state().images.info(&image));
                if let Some(found) = found {
                    plan = plan.with_image(found);
                }
            }
            Ok(plan)
        };
        self.call(call, || Ok(()), work).await
    }

    /// Returns the config with its defaults filled in. If the engine has the image, the image's defaults are filled
    /// in, too.
    fn filled_in(&self, config: &ContainerConfig) -> ContainerConfig {
        let mut full = config.clone();
        full.init.get_or_insert(true);
        let image = ImageRef::new(&config.image).ok();
        let state = self.core.engine.state();
        if let Some(found) = image.and_then(|image| state.images.get(&image)) {
            full = with_image(&full, found);
        }
        full
    }

    /// Returns the reasons to refuse the config, except those that depend on the state of the engine.
    fn refused(&self, config: &ContainerConfig) -> Vec<Warning> {
        let violations = self.violations(config).into_iter();
        let mut found: Vec<Warning> = violations
            .map(|violation| Warning::new(violation.path, violation.code, violation.message))
            .collect();
        let declared = &self.core.capabilities;
        for (path, capability) in config.needs() {
            if !declared.supports(capability) {
                let message = format!("it needs `{capability}`, which this driver does not declare");
                found.push(Warning::new(path, "unsupported", message));
            }
        }
        let (limit, requested) = (K::PROFILE.max_cpu, config.resources.cpu);
        if requested > limit {
            let message = format!("must be at most {limit}; got {requested}");
            found.push(Warning::new("resources.cpu", "limit-exceeded", message));
        }
        if config.strictness == Strictness::Require {
            found.extend(Self::enforcement(config).warnings());
        }
        found
    }

    /// Returns the reasons why the engine, in its current state, cannot create this container: the name is taken, or a
    /// volume, network or image does not exist.
    fn missing(&self, config: &ContainerConfig) -> Vec<Warning> {
        let state = self.core.engine.state();
        let mut found = Vec::new();
        if let Some(name) = &config.name
            && let Some(holder) = state.containers.named(name)
        {
            // If the holder was created with the same key, the creation would return it.
            let key = holder.labels.get(label::OPERATION);
            let repeats = config.operation_key.is_some() && config.operation_key.as_ref() == key;
            if !repeats {
                found.push(Warning::new(
                    "name",
                    "name-taken",
                    format!("name `{name}` is taken"),
                ));
            }
        }
        for (index, mount) in config.volumes.iter().enumerate() {
            let is_volume = mount.mount_type() == MountType::Volume;
            if is_volume && state.volume(self.namespace(), &mount.source).is_none() {
                let message = format!("volume `{}` does not exist", mount.source);
                found.push(Warning::new(
                    format!("volumes[{index}].source"),
                    "not-found",
                    message,
                ));
            }
        }
        for (path, name) in config.named_networks() {
            if state.named_network(self.namespace(), name).is_none() {
                let message = format!("network `{name}` does not exist");
                found.push(Warning::new(path, "not-found", message));
            }
        }
        if let Ok(image) = ImageRef::new(&config.image)
            && (config.pull_policy == PullPolicy::Never || image.is_id())
            && state.images.get(&image).is_none()
        {
            let message = match image.is_id() {
                true => format!("image `{image}` is not present, and an image cannot be pulled by its id"),
                false => format!("image `{image}` is not present, and the pull policy forbids pulling it"),
            };
            found.push(Warning::new("image", "not-found", message));
        }
        found
    }
}
