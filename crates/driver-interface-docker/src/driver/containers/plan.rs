//! Dry runs of container creations.

use std::sync::Arc;

use driver_interface_errors::{ErrorInfo, Result};
use driver_interface_types::{
    ContainerConfig, CreationPlan, ImageRef, MountType, PullPolicy, Strictness, Warning,
};

use super::create::parts::called;
use crate::driver::inner::Inner;
use crate::translate::enforcement::{self, Facts};
use crate::translate::image::info;
use crate::translate::tmpfs;

/// The code of a refusal whose reason is that a resource does not exist.
const NOT_FOUND: &str = "not-found";
const UNSUPPORTED: &str = "unsupported";

impl Inner {
    pub(in crate::driver) async fn plan(self: &Arc<Self>, config: &ContainerConfig) -> Result<CreationPlan> {
        let facts = Facts::of_config(config);
        let report = enforcement::report(&self.features, facts);
        let mut plan = CreationPlan::new(self.filled_in(config), report);
        plan.warnings = plan.enforcement.warnings();
        let violations = self.violations(config).await.into_iter();
        plan.refusals
            .extend(violations.map(|found| Warning::new(found.path, found.code, found.message)));
        self.refuse_unsupported(config, &mut plan);
        if config.strictness == Strictness::Require {
            let weak = plan.warnings.drain(..);
            plan.refusals.extend(weak);
        }
        // Query the engine only for a valid config, so that no malicious name ends up in a request.
        if plan.refusals.iter().all(|refusal| refusal.code == UNSUPPORTED) {
            self.refuse_missing(config, &mut plan).await?;
            if let Ok(image) = ImageRef::new(config.image.as_str())
                && let Some(found) = self.find_image(&image).await?
            {
                return Ok(plan.with_image(info(&found)));
            }
        }
        Ok(plan)
    }

    fn refuse_unsupported(&self, config: &ContainerConfig, plan: &mut CreationPlan) {
        let can = &self.features.capabilities;
        for (path, needed) in config.needs() {
            if !can.supports(needed) {
                let message = format!("needs `{needed}`, which this driver does not declare");
                plan.refusals.push(Warning::new(path, UNSUPPORTED, message));
            }
        }
        if config.init == Some(true) && !self.uses_init() {
            let message = "the engine has no init program";
            plan.refusals.push(Warning::new("init", UNSUPPORTED, message));
        }
        if let Err(error) = self.features.check_runtime(config) {
            let message = error.message().to_owned();
            plan.refusals
                .push(Warning::new("runtime", "unknown-runtime", message));
        }
        plan.refusals.extend(self.features.unsupported_tmpfs(config));
        if let Err(error) = self.features.check_limits(&config.resources) {
            let path = format!("resources.{}", error.resource());
            plan.refusals
                .push(Warning::new(path, "limit-exceeded", error.message()));
        }
    }

    /// Adds to `plan` the refusals for missing resources, and for a container name that is already in use.
    async fn refuse_missing(&self, config: &ContainerConfig, plan: &mut CreationPlan) -> Result<()> {
        for index in self.missing_sources(config).await {
            let path = format!("volumes[{index}].source");
            plan.refusals.push(Warning::new(
                path,
                NOT_FOUND,
                "the path does not exist on the host",
            ));
        }
        for (index, mount) in config.volumes.iter().enumerate() {
            if mount.mount_type() != MountType::Bind && self.find_volume(&mount.source).await?.is_none() {
                let message = format!("volume `{}` does not exist", mount.source);
                let path = format!("volumes[{index}].source");
                plan.refusals.push(Warning::new(path, NOT_FOUND, message));
            }
        }
        let named = config.named_networks();
        if !named.is_empty() {
            let own = self.own_networks().await?;
            for (path, name) in named {
                if let Err(error) = called(&own, name) {
                    plan.refusals.push(Warning::new(path, NOT_FOUND, error.message()));
                }
            }
        }
        if let Ok(image) = ImageRef::new(config.image.as_str())
            && (config.pull_policy == PullPolicy::Never || image.is_id())
            && self.find_image(&image).await?.is_none()
        {
            let message = match image.is_id() {
                true => "no image with this id is present, and an image cannot be pulled by its id",
                false => "the image is not present, and the pull policy forbids pulling it",
            };
            plan.refusals.push(Warning::new("image", NOT_FOUND, message));
        }
        if config.operation_key.is_none()
            && let Some(name) = &config.name
            && self.engine.inspect_container(name).await.is_ok()
        {
            let message = format!("the name `{name}` is taken");
            plan.refusals.push(Warning::new("name", "name-taken", message));
        }
        Ok(())
    }

    /// Returns the config with the driver's defaults filled in.
    fn filled_in(&self, config: &ContainerConfig) -> ContainerConfig {
        let mut config = config.clone();
        config.init.get_or_insert(self.uses_init());
        config.tmpfs = tmpfs::all(&config);
        config
    }
}
