//! Saying what a creation would do.

use driver_interface_errors::Result;
use driver_interface_types::{
    ContainerConfig, CreationPlan, Enforcement, EnforcementReport, ImageRef, NetworkMode, OperationKey,
    PullPolicy, Strictness, Warning,
};

use super::{Call, MockDriver};
use crate::Operation;
use crate::profile::Kind;

/// Which limits and security options hold in a simulated container: all but the disk limit.
pub(super) fn enforcement() -> EnforcementReport {
    let mut report = EnforcementReport::default();
    report.disk = Enforcement::Unsupported;
    report
}

impl<K: Kind> MockDriver<K> {
    pub(super) async fn plan_creation(&self, config: &ContainerConfig) -> Result<CreationPlan> {
        let call = Call::new(Operation::Plan).summary(super::create::summary_of(config));
        let work = async {
            let mut filled_in = config.clone();
            filled_in.init.get_or_insert(true);
            filled_in.working_dir.get_or_insert_with(|| "/".to_owned());
            let mut plan = CreationPlan::new(filled_in, enforcement());
            plan.warnings = self.unenforced(config);
            plan.refusals = self.refused(config);
            if plan.refusals.is_empty() {
                plan.refusals = self.missing(config);
            }
            if let Ok(image) = ImageRef::new(&config.image)
                && plan.config.working_dir.is_some()
                && config.working_dir.is_none()
                && let Some(found) = self.core.engine.state().images.get(&image)
            {
                plan.config.working_dir = Some(found.working_dir.clone());
            }
            Ok(plan)
        };
        self.call(call, || Ok(()), work).await
    }

    /// What is refused before the engine is asked, each by its path.
    fn refused(&self, config: &ContainerConfig) -> Vec<Warning> {
        let violations = self.violations(config).into_iter();
        let mut found: Vec<Warning> = violations
            .map(|violation| Warning::new(violation.path, violation.code, violation.message))
            .collect();
        let declared = Self::declared();
        for (path, capability) in config.needs() {
            if !declared.supports(capability) {
                let message = format!("it needs `{capability}`, which this driver does not declare");
                found.push(Warning::new(path, "unsupported", message));
            }
        }
        let (limit, asked) = (K::PROFILE.max_cpu, config.resources.cpu);
        if asked > limit {
            let message = format!("must be at most {limit}; got {asked}");
            found.push(Warning::new("resources.cpu", "limit-exceeded", message));
        }
        if config.strictness == Strictness::Require {
            found.extend(self.unenforced(config));
        }
        found
    }

    /// What the engine would refuse as it is now.
    fn missing(&self, config: &ContainerConfig) -> Vec<Warning> {
        let state = self.core.engine.state();
        let mut found = Vec::new();
        if let Some(name) = &config.name
            && let Some(holder) = state
                .containers
                .values()
                .find(|container| container.name == *name)
        {
            let repeats = config.operation_key.as_ref().is_some_and(|key| {
                OperationKey::new(key.as_str()).is_ok()
                    && holder.labels.get(driver_interface_types::label::OPERATION) == Some(key)
            });
            if !repeats {
                found.push(Warning::new(
                    "name",
                    "name-taken",
                    format!("name `{name}` is taken"),
                ));
            }
        }
        for (index, mount) in config.volumes.iter().enumerate() {
            let is_volume = mount.mount_type() == driver_interface_types::MountType::Volume;
            if is_volume && state.volume(self.namespace(), &mount.source).is_none() {
                let message = format!("there is no volume `{}`", mount.source);
                found.push(Warning::new(
                    format!("volumes[{index}].source"),
                    "not-found",
                    message,
                ));
            }
        }
        if let NetworkMode::Named(name) = &config.network
            && state.network(self.namespace(), name).is_none()
        {
            found.push(Warning::new(
                "network",
                "not-found",
                format!("there is no network `{name}`"),
            ));
        }
        if let Ok(image) = ImageRef::new(&config.image)
            && config.pull_policy == PullPolicy::Never
            && state.images.get(&image).is_none()
        {
            let message = format!("the engine has no image `{image}`, and it may not be pulled");
            found.push(Warning::new("image", "not-found", message));
        }
        found
    }
}
